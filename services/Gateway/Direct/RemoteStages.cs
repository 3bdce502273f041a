using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Wire;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Gateway.Direct;

/// <summary>Runs stages at the workers of their roles, over gRPC: images are decoded, prepared and written there, never in the gateway.</summary>
/// <param name="pool">The pool of workers.</param>
public sealed class RemoteStages(WorkerPool pool) : IDirectStages
{
    /// <inheritdoc/>
    public async Task RunAsync(DirectContext context, CancellationToken cancellationToken)
    {
        var request = new RunStageRequest { StageJson = StageCodec.ToJson(context.Stage) };
        foreach (string input in context.Stage.Inputs.Keys)
        {
            request.Inputs.Add(input, StageCodec.ToMessage(await context.InputAsync(input, cancellationToken)));
        }
        foreach (string id in TextsIn(context.Stage.Settings).Distinct(StringComparer.Ordinal))
        {
            if (context.FindFile(id) is { } file)
            {
                request.Files.Add(id, UnsafeByteOperations.UnsafeWrap(file));
            }
        }
        await pool.CallAsync(WorkerRole.Of(context.Stage.Kind).Name, context.Model, CallAsync);

        async Task CallAsync(GrpcChannel channel, Metadata headers)
        {
            using AsyncServerStreamingCall<StageEvent> call =
                new Stages.StagesClient(channel).Run(request, headers, cancellationToken: cancellationToken);
            await foreach (StageEvent update in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                await ForwardAsync(update, context, cancellationToken);
            }
        }
    }

    private static Task ForwardAsync(StageEvent update, DirectContext context, CancellationToken cancellationToken) => update.EventCase switch
    {
        StageEvent.EventOneofCase.Step => context.ReportAsync(StageCodec.ToProgress(update.Step), cancellationToken),
        StageEvent.EventOneofCase.Preview =>
            context.PreviewAsync(StageCodec.ToProgress(update.Preview.Step), update.Preview.Image.ToByteArray(), cancellationToken),
        StageEvent.EventOneofCase.Warning => context.WarnAsync(update.Warning, cancellationToken),
        StageEvent.EventOneofCase.Output =>
            context.KeepAsync(update.Output.Name, StageCodec.ToValue(update.Output.Value, update.Output.Name), cancellationToken),
        StageEvent.EventOneofCase.File => context.AddArtifactAsync(StageCodec.ToArtifact(update.File), cancellationToken),
        // An event that only newer versions of workers send.
        _ => Task.CompletedTask,
    };

    /// <summary>Returns every string in a stage's settings; those that are ids of files name the files that the stage reads.</summary>
    private static IEnumerable<string> TextsIn(JsonNode? node) => node switch
    {
        JsonObject all => all.SelectMany(field => TextsIn(field.Value)),
        JsonArray all => all.SelectMany(TextsIn),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => [value.GetValue<string>()],
        _ => [],
    };
}
