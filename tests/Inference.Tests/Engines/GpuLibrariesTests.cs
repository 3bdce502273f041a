using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Models.Devices;

namespace Brownian.Inference.Tests.Engines;

/// <summary>What is reported of a GPU that cannot be used.</summary>
public sealed class GpuLibrariesTests
{
    [Fact]
    public void Missing_libraries_are_named_with_the_part_that_they_belong_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the names are those of Linux");
        Assert.Empty(GpuLibraries.FindMissing(DeviceKind.Cpu, _ => false));
        Assert.Empty(GpuLibraries.FindMissing(DeviceKind.TensorRt, _ => true));
        Assert.Equal(
            [
                "the NVIDIA driver (libcuda.so.1)",
                "CUDA 13 (libcudart.so.13, libcublas.so.13, libcublasLt.so.13, libcurand.so.10)",
                "cuDNN 9 (libcudnn.so.9)",
            ],
            GpuLibraries.FindMissing(DeviceKind.Cuda, _ => false));
        Assert.Equal(
            ["TensorRT 10 (libnvonnxparser.so.10)"],
            GpuLibraries.FindMissing(DeviceKind.TensorRt, name => !name.Contains("onnxparser", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(DeviceKind.Cuda)]
    [InlineData(DeviceKind.TensorRt)]
    public void A_gpu_without_a_cuda_build_is_refused_with_the_way_to_make_one(DeviceKind kind)
    {
        ModelException refused = Assert.Throws<ModelException>(() => ExecutionProviders.Require(new Device(kind, 1)));
        Assert.Contains(
            ":1 cannot be used: this build of Brownian has no CUDA; build it with -p:Accelerator=cuda", refused.Message, StringComparison.Ordinal);
    }
}
