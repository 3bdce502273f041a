using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>The process's one ONNX Runtime environment: it writes nothing to the terminal, for every failure comes back as an exception.</summary>
internal static class OrtRuntime
{
    // Kept here because native code holds on to it.
    private static readonly DOrtLoggingFunction Silent = static (_, _, _, _, _, _) => { };

    static OrtRuntime()
    {
        var options = new EnvironmentCreationOptions
        {
            logId = "brownian",
            logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            loggingFunction = Silent,
        };
        OrtEnv.CreateInstanceWithOptions(ref options).DisableTelemetryEvents();
    }

    /// <summary>Makes the environment where it is not there yet: before the first <see cref="SessionOptions"/>, which would make another.</summary>
    public static void Start() => RuntimeHelpers.RunClassConstructor(typeof(OrtRuntime).TypeHandle);
}
