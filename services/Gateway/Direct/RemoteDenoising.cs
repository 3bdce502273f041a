using System.Text.Json;
using System.Threading.Channels;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Requests;
using Brownian.Platform.Wire;
using Brownian.Platform.Workers;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Gateway.Direct;

/// <summary>A run at a denoiser behind gRPC: its evaluations are those that the denoiser tells of.</summary>
internal sealed class RemoteDenoising(WorkerPool pool, string model, string fingerprint, string? part, AdapterReferences? adapters, DenoiseTask task) : IDenoising
{
    private readonly Channel<V1.DenoiseProgress> _progress = Channel.CreateUnbounded<V1.DenoiseProgress>();
    private Task? _call;
    private bool _told;
    private Inference.Engines.DenoiseResult? _result;

    public DenoiseTask Task => task;

    public int Evaluation { get; private set; }

    /// <summary>Known from the first evaluation on.</summary>
    public int Evaluations { get; private set; } = int.MaxValue;

    public bool IsDone => Evaluation >= Evaluations;

    public async Task EvaluateAsync(CancellationToken cancellationToken)
    {
        _call ??= CallAsync(cancellationToken);
        if (!await _progress.Reader.WaitToReadAsync(cancellationToken))
        {
            await _call;
            throw new InvalidOperationException("The denoiser ended its answer early");
        }
        V1.DenoiseProgress progress = await _progress.Reader.ReadAsync(cancellationToken);
        (Evaluation, Evaluations) = (progress.Evaluation, progress.Evaluations);
        if (IsDone)
        {
            await _call;
        }
    }

    /// <exception cref="NotSupportedException">Always: only jobs can go on elsewhere.</exception>
    public byte[] Save() => throw new NotSupportedException("A call's run cannot be saved: jobs can");

    /// <exception cref="NotSupportedException">Always: they are at the denoiser.</exception>
    public Inference.Tensors.Tensor Latents() => throw new NotSupportedException("A call's latents come when it is done");

    public Inference.Engines.DenoiseResult Result() => _result ?? throw new InvalidOperationException("The run is not done");

    private async Task CallAsync(CancellationToken cancellationToken)
    {
        try
        {
            _result = await pool.CallAsync(WorkerRole.Denoiser.Name, model, channel => DenoiseAsync(channel, cancellationToken), () => !_told, cancellationToken);
        }
        finally
        {
            _progress.Writer.TryComplete();
        }
    }

    private async Task<Inference.Engines.DenoiseResult> DenoiseAsync(GrpcChannel channel, CancellationToken cancellationToken)
    {
        using AsyncServerStreamingCall<DenoiseEvent> call = new V1.Denoiser.DenoiserClient(channel).Denoise(Request(), cancellationToken: cancellationToken);
        V1.DenoiseResult? result = null;
        await foreach (DenoiseEvent told in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            switch (told.EventCase)
            {
                case DenoiseEvent.EventOneofCase.Progress:
                    _told = true;
                    _progress.Writer.TryWrite(told.Progress);
                    break;
                case DenoiseEvent.EventOneofCase.Result:
                    result = told.Result;
                    break;
            }
        }
        return result is null
            ? throw new RpcException(new Status(StatusCode.Internal, "the denoiser gave no result"))
            : new Inference.Engines.DenoiseResult(
                WireTensors.ToTensor(result.Latents, "latents", 4),
                WireTensors.ToTensor(result.InitialLatents, "initial_latents", 4),
                [.. result.Timesteps],
                [.. result.Sigmas],
                result.GeneratorState.ToByteArray());
    }

    private DenoiseRequest Request()
    {
        var request = new DenoiseRequest
        {
            Model = model,
            ModelFingerprint = fingerprint,
            AdaptersJson = WireJson.WriteOrEmpty(adapters),
            Part = part ?? "",
            Embedding = task.Embedding?.ToMessage(),
            NegativeEmbedding = task.NegativeEmbedding?.ToMessage(),
            GuidanceScale = task.GuidanceScale,
            GuidanceRescale = task.GuidanceRescale,
            GuidanceMethod = DenoiseWords.Methods.First(method => method.Value == task.Guidance.Method).Key,
            GuidanceStart = task.Guidance.Start,
            GuidanceEnd = task.Guidance.End,
            PagScale = task.Guidance.PerturbedScale,
            SchedulerJson = task.Scheduler.ToJsonString(),
            SamplingJson = JsonSerializer.Serialize(task.Sampling, WireJson.Options),
            Seed = task.Seed,
            Noise = NoiseWords.Of(task.Noise),
            NoiseDtype = NoiseWords.Of(task.NoiseDtype),
            StartLatents = task.StartLatents?.ToMessage(),
            GeneratorState = ByteString.CopyFrom(task.GeneratorState.Span),
        };
        request.LatentShape.Add(task.LatentShape);
        request.First = task.First;
        if (task.End is { } end)
        {
            request.End = end;
        }
        if (task.GuidanceEmbedding is { } guidance)
        {
            request.GuidanceEmbedding = guidance;
        }
        if (task.Pooled is { } pooled)
        {
            request.Pooled = pooled.Pooled.ToMessage();
            request.NegativePooled = pooled.NegativePooled?.ToMessage();
            request.TimeIds.Add(pooled.TimeIds);
            request.NegativeTimeIds.Add(pooled.NegativeTimeIds);
        }
        request.Prompts.Add(task.Prompts.Select(ToMessage));
        request.NegativePrompt = task.Negative is { } negative ? ToMessage(negative) : null;
        if (task.Image is { } image)
        {
            request.Image = new DenoiseImage
            {
                Role = DenoiseWords.Roles.First(role => role.Value == image.Role).Key,
                Start = DenoiseWords.Starts.First(start => start.Value == image.Start).Key,
                Image = image.Image?.ToMessage(),
                Original = image.Original?.ToMessage(),
                IsScaled = image.IsScaled,
                MaskedImage = image.MaskedImage?.ToMessage(),
                Mask = image.Mask?.ToMessage(),
                ScalingJson = JsonSerializer.Serialize(image.Scaling, WireJson.Options),
                GuidanceScale = image.GuidanceScale,
                KeepsPrevious = image.KeepsPrevious,
                IsScaledWithSample = image.IsScaledWithSample,
            };
            if (image.Noise is { } added)
            {
                (request.Image.NoiseSchedulerJson, request.Image.NoiseLevel, request.Image.NoiseFirst) = (added.Scheduler.ToJsonString(), added.Level, added.First);
            }
        }
        if (task.Tiling is { } tiling)
        {
            (request.TileSide, request.TileOverlap) = (tiling.Side, tiling.Overlap);
        }
        request.Further.Add(task.Further.Select(further => new DenoiseFurther { Input = further.Input, Value = further.Value.ToMessage(), Negative = further.Negative?.ToMessage() }));
        request.Controls.Add(task.Controls.Select(control => new DenoiseControl
        {
            Net = control.Net.Name,
            NetFingerprint = control.Net.Fingerprint ?? "",
            Image = control.Image.ToMessage(),
            Scale = control.Scale,
            Start = control.Start,
            End = control.End,
            GuessMode = control.GuessMode,
        }));
        return request;
    }

    private static DenoisePrompt ToMessage(PromptCondition prompt)
    {
        var message = new DenoisePrompt { Weight = prompt.Weight };
        message.Steps.Add(prompt.Steps.Select(step => new DenoisePromptStep { LastStep = step.LastStep, Embedding = step.Embedding.ToMessage(), Pooled = step.Pooled?.ToMessage() }));
        return message;
    }
}
