using System.Diagnostics;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using StageProgress = Brownian.Models.Stages.StageProgress;

namespace Brownian.Workers;

/// <summary>Runs stages over gRPC, for the roles of this process's workers.</summary>
/// <param name="roles">The roles.</param>
/// <param name="runners">The runners of stages.</param>
/// <param name="services">Provides the gates of the roles, which all calls to a role share.</param>
[Requires(Permission.Stages)]
public sealed class StageService(IEnumerable<WorkerRole> roles, IReadOnlyList<IStageRunner> runners, IServiceProvider services) : Stages.StagesBase
{
    /// <inheritdoc/>
    public override async Task Run(RunStageRequest request, IServerStreamWriter<StageEvent> responseStream, ServerCallContext context)
    {
        PlanStage stage = StageCodec.ToStage(request);
        Activity.Current?.SetTag("brownian.stage", stage.Name);
        WorkerRole role = roles.FirstOrDefault(role => role.Kinds.Contains(stage.Kind))
            ?? throw new FieldFaultException("stage_json.kind", stage.Kind, string.Join(", ", roles.SelectMany(role => role.Kinds)));
        IStageRunner runner = runners.FirstOrDefault(runner => runner.Kind == stage.Kind)
            ?? throw new RpcException(
                new Status(StatusCode.Unavailable, $"this worker does not run stages of the kind {stage.Kind}; try another worker"));
        var inputs = stage.Inputs.ToDictionary(
            input => input.Value,
            input => request.Inputs[input.Key].Values.Select((value, i) => StageCodec.ToValue(value, $"inputs.{input.Key}[{i}]")).ToList());
        using IDisposable slot = await services.GetRequiredKeyedService<CallGate>(role.Name).EnterAsync(context.CancellationToken)
            .ConfigureAwait(false);
        await runner.RunAsync(new Context(stage, inputs, request.Files, responseStream), context.CancellationToken).ConfigureAwait(false);
    }

    /// <summary>The context of a stage whose caller waits: all events are streamed to the caller as they happen.</summary>
    private sealed class Context(
        PlanStage stage, Dictionary<string, List<StageValue>> inputs, IDictionary<string, ByteString> files, IAsyncStreamWriter<StageEvent> caller)
        : MemoryStageContext(stage, inputs)
    {
        public override async Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken)
        {
            await base.KeepAsync(output, value, cancellationToken).ConfigureAwait(false);
            await WriteAsync(
                new StageEvent { Output = new StageOutput { Name = output, Value = StageCodec.ToMessage(value) } }, cancellationToken)
                .ConfigureAwait(false);
        }

        public override Task ReportAsync(StageProgress progress, CancellationToken cancellationToken) =>
            WriteAsync(new StageEvent { Step = StageCodec.ToMessage(progress) }, cancellationToken);

        public override Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken) => WriteAsync(
            new StageEvent
            {
                Preview = new StagePreview { Step = StageCodec.ToMessage(progress), Image = UnsafeByteOperations.UnsafeWrap(png) },
            },
            cancellationToken);

        public override Task WarnAsync(string message, CancellationToken cancellationToken) =>
            WriteAsync(new StageEvent { Warning = message }, cancellationToken);

        public override Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken) =>
            WriteAsync(new StageEvent { File = StageCodec.ToMessage(artifact) }, cancellationToken);

        public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
            files.TryGetValue(id, out ByteString? file) ? Task.FromResult(file.Memory) : throw new FieldFaultException(Missing(id));

        private Task WriteAsync(StageEvent update, CancellationToken cancellationToken) => caller.WriteAsync(update, cancellationToken);
    }
}
