using Brownian.Diffusion.Faults;
using Brownian.ExternalScaling;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Gateway.Scaling;
using Google.Protobuf;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Metadata of triggers, which KEDA sends to the gateway's scaler.</summary>
internal sealed class ScalerTarget : FuzzTarget
{
    public override int CasesPerSecond => 15_000;

    public override IReadOnlyList<string> Tokens =>
        [.. ScaledPool.Settings, "denoiser", "text-encoder", "vae-decoder", "cuda", "tensorrt", "true", "0.5", "NaN", "1e309", "batch,interactive",
            "scalerAddress"];

    public override IEnumerable<FuzzInput> Seeds()
    {
        yield return Of(("role", "denoiser"));
        yield return Of(
            ("role", "vae-decoder"), ("models", "emoji, sd15"), ("priorities", "batch"), ("provider", "cuda"), ("slots", "4"),
                ("targetSeconds", "30"), ("loadSeconds", "12.5"),
            ("cooldownSeconds", "60"), ("share", "0.5"), ("drains", "true"), ("scalerAddress", "gateway:5081"));
    }

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Wire;

    public override void Run(FuzzInput input) => ScaledPool.Read(ScaledObjectRef.Parser.ParseFrom(input.Bytes).ScalerMetadata);

    public override bool IsDocumented(Exception exception) => exception is FieldFaultException or InvalidProtocolBufferException;

    private static FuzzInput Of(params IEnumerable<(string Key, string Value)> metadata)
    {
        var message = new ScaledObjectRef { Name = "pool", Namespace = "brownian" };
        message.ScalerMetadata.Add(metadata.ToDictionary(setting => setting.Key, setting => setting.Value));
        return new FuzzInput("ScaledObjectRef", message.ToByteArray());
    }
}
