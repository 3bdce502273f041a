using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Inference.Stages;
using Brownian.Jobs.Access;
using Brownian.Jobs.Wire;
using Brownian.Requests.References;
using Brownian.V1;
using Brownian.Workers;
using Brownian.Workers.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Denoiser;

/// <summary>Denoises over gRPC.</summary>
/// <param name="engines">The models of this process.</param>
/// <param name="gate">Limits concurrent calls.</param>
[Requires(Permission.Stages)]
public sealed class DenoiserService(IEngines engines, [FromKeyedServices("denoiser")] CallGate gate) : V1.Denoiser.DenoiserBase
{
    /// <summary>The size of the largest request in bytes.</summary>
    public const int MaxMessageBytes = 256 << 20;

    /// <inheritdoc/>
    public override async Task Denoise(DenoiseRequest request, IServerStreamWriter<DenoiseEvent> responseStream, ServerCallContext context)
    {
        CancellationToken cancelled = context.CancellationToken;
        DenoiseTask task = DenoiseMessages.ToTask(request);
        using IDisposable slot = await gate.EnterAsync(cancelled);
        using EngineLease<IDenoiser> lease = await engines.DenoiserAsync(
            request.Model,
            request.ModelFingerprint,
            request.Part.Length == 0 ? null : request.Part,
            WireJson.ReadOrNull<AdapterReferences>(request.AdaptersJson, "adapters_json"),
            [.. task.Controls.Select(control => control.Net)],
            cancelled);
        IDenoising run = Begin(lease.Engine, task);
        while (!run.IsDone)
        {
            await run.EvaluateAsync(cancelled);
            await responseStream.WriteAsync(
                new DenoiseEvent { Progress = new V1.DenoiseProgress { Evaluation = run.Evaluation, Evaluations = run.Evaluations } }, cancelled);
            if (request.PreviewEvery > 0 && run.Evaluation % request.PreviewEvery == 0 && !run.IsDone)
            {
                byte[] preview = request.IsPixels
                    ? LatentPreview.OfPixels(run.Latents(), null)
                    : await LatentPreview.MakeAsync(engines, request.Model, request.ModelFingerprint, run.Latents(), null, cancelled);
                await responseStream.WriteAsync(
                    new DenoiseEvent { Preview = new DenoisePreview { Evaluation = run.Evaluation, Image = ByteString.CopyFrom(preview) } },
                    cancelled);
            }
        }
        await responseStream.WriteAsync(new DenoiseEvent { Result = DenoiseMessages.ToMessage(run.Result()) }, cancelled);
    }

    private static IDenoising Begin(IDenoiser denoiser, DenoiseTask task)
    {
        try
        {
            return denoiser.Begin(task);
        }
        catch (ArgumentException exception)
        {
            throw new FieldFaultException(new FieldFault("request", exception.Message));
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("generator_state", exception.Message));
        }
    }
}
