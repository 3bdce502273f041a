using System.Text.RegularExpressions;
using Brownian.Formats.Files;
using Brownian.Models.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>The execution providers of ONNX Runtime that devices need.</summary>
public static partial class ExecutionProviders
{
    /// <summary>What a build without <see cref="HasCuda"/> lacks.</summary>
    public const string NoCuda = "this build of Brownian has no CUDA; build it with -p:Accelerator=cuda";

    private const string UseCpu = "or use --device cpu (Platform:Device=cpu)";
    private const string Cuda = "CUDAExecutionProvider";

    /// <summary>Whether this build has the providers for GPUs.</summary>
    public static bool HasCuda => Has(Cuda);

    /// <summary>Checks that this build has the device's provider and that the machine has the libraries that the provider loads.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="ModelException">The provider or a library is missing; the message names every missing library.</exception>
    public static void Require(Device device)
    {
        if (device.Kind == DeviceKind.Cpu)
        {
            return;
        }
        if (!Has(device.Kind == DeviceKind.Cuda ? Cuda : "TensorrtExecutionProvider"))
        {
            throw new ModelException($"The device {device} cannot be used: {NoCuda}, {UseCpu}");
        }
        if (GpuLibraries.FindMissing(device.Kind) is { Count: > 0 } missing)
        {
            throw new ModelException($"The device {device} cannot be used: missing are {string.Join("; ", missing)}; install them, {UseCpu}");
        }
    }

    private static bool Has(string provider)
    {
        OrtRuntime.Start();
        return OrtEnv.Instance().GetAvailableProviders().Contains(provider);
    }

    /// <summary>Adds the device's providers to the options of a session.</summary>
    /// <exception cref="ModelException">The device cannot be used.</exception>
    internal static void Append(SessionOptions options, Device device)
    {
        if (device.Kind == DeviceKind.Cpu)
        {
            return;
        }
        Require(device);
        string index = device.Index.ToString(CultureInfo.InvariantCulture);
        try
        {
            if (device.Kind == DeviceKind.TensorRt)
            {
                using var tensorRt = new OrtTensorRTProviderOptions();
                tensorRt.UpdateOptions(new Dictionary<string, string> { ["device_id"] = index });
                options.AppendExecutionProvider_Tensorrt(tensorRt);
            }
            using var cuda = new OrtCUDAProviderOptions();
            // By default, CUDA re-tunes every convolution for every new size, and rounds allocations up to powers of two.
            cuda.UpdateOptions(new Dictionary<string, string>
            {
                ["device_id"] = index,
                ["cudnn_conv_algo_search"] = "HEURISTIC",
                ["arena_extend_strategy"] = "kSameAsRequested",
                ["use_tf32"] = "0",
            });
            options.AppendExecutionProvider_CUDA(cuda);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException($"The device {device} cannot be used: {Shorten(exception.Message)}", exception);
        }
    }

    /// <summary>Returns a message of ONNX Runtime in one line of at most 300 characters, without its error code.</summary>
    internal static string Shorten(string message)
    {
        string reason = ErrorCode().Replace(message, "").ReplaceLineEndings(" ").Trim();
        return reason.Length <= 300 ? reason : reason[..300] + "...";
    }

    [GeneratedRegex(@"^\[ErrorCode:\w+\]\s*")]
    private static partial Regex ErrorCode();
}
