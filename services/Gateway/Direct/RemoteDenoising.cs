using System.Threading.Channels;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Platform.Wire;
using Brownian.Platform.Workers;
using Brownian.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Gateway.Direct;

/// <summary>A run at a denoiser behind gRPC: its evaluations are those that the denoiser tells of.</summary>
internal sealed class RemoteDenoising(
    WorkerPool pool, string model, string fingerprint, string? part, AdapterReferences? adapters, DenoiseTask task) : IDenoising
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
            _result = await pool.CallAsync(
                WorkerRole.Denoiser.Name, model, channel => DenoiseAsync(channel, cancellationToken), () => !_told, cancellationToken);
        }
        finally
        {
            _progress.Writer.TryComplete();
        }
    }

    private async Task<Inference.Engines.DenoiseResult> DenoiseAsync(GrpcChannel channel, CancellationToken cancellationToken)
    {
        DenoiseRequest request = DenoiseMessages.ToMessage(task);
        (request.Model, request.ModelFingerprint, request.Part, request.AdaptersJson) =
            (model, fingerprint, part ?? "", WireJson.WriteOrEmpty(adapters));
        using AsyncServerStreamingCall<DenoiseEvent> call =
            new V1.Denoiser.DenoiserClient(channel).Denoise(request, cancellationToken: cancellationToken);
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
            : DenoiseMessages.ToResult(result);
    }
}
