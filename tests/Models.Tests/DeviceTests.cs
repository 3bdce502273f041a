using Brownian.Models.Devices;

namespace Brownian.Models.Tests;

/// <summary>The texts of devices.</summary>
public sealed class DeviceTests
{
    [Theory]
    [InlineData("cpu", DeviceKind.Cpu, 0, "cpu")]
    [InlineData("cuda", DeviceKind.Cuda, 0, "cuda")]
    [InlineData("cuda:0", DeviceKind.Cuda, 0, "cuda")]
    [InlineData("cuda:63", DeviceKind.Cuda, 63, "cuda:63")]
    [InlineData("tensorrt", DeviceKind.TensorRt, 0, "tensorrt")]
    [InlineData("tensorrt:1", DeviceKind.TensorRt, 1, "tensorrt:1")]
    public void A_text_of_a_kind_and_a_number_is_that_device(string text, DeviceKind kind, int index, string written)
    {
        Assert.True(Device.TryParse(text, out Device device));
        Assert.Equal(new Device(kind, index), device);
        Assert.Equal(written, device.ToString());
        Assert.Equal(written.Split(':')[0], device.Provider);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("CPU")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:64")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1:2")]
    [InlineData("rocm")]
    public void Any_other_text_is_not_a_device(string? text)
    {
        Assert.False(Device.TryParse(text, out Device device));
        Assert.Equal(Device.Cpu, device);
    }
}
