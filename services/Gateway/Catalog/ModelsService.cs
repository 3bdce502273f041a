using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.Catalog;

/// <summary>Lists the models.</summary>
/// <param name="catalog">The catalogue.</param>
public sealed class ModelsService(ICatalog catalog) : V1.Models.ModelsBase
{
    private static readonly WorkerRole[] Roles = [WorkerRole.TextEncoder, WorkerRole.Denoiser, WorkerRole.VaeDecoder];

    /// <inheritdoc/>
    public override async Task<ListModelsResponse> List(ListModelsRequest request, ServerCallContext context)
    {
        IReadOnlyList<WorkerCard> workers = await catalog.WorkersAsync(context.CancellationToken);
        var response = new ListModelsResponse();
        response.Models.Add((await catalog.ModelsAsync(context.CancellationToken)).Select(card => ToMessage(card, workers)));
        return response;
    }

    /// <inheritdoc/>
    public override async Task<Model> Get(GetModelRequest request, ServerCallContext context)
    {
        ModelCard card = await catalog.FindModelAsync(request.Name, context.CancellationToken)
            ?? throw new RpcException(new Status(StatusCode.NotFound, $"there is no model \"{request.Name}\""));
        return ToMessage(card, await catalog.WorkersAsync(context.CancellationToken));
    }

    private static Model ToMessage(ModelCard card, IReadOnlyList<WorkerCard> workers)
    {
        if (card.Stages is { } stages)
        {
            return new Model
            {
                Name = card.Name,
                Title = card.Title ?? "",
                Description = card.Description ?? "",
                License = card.License ?? "",
                Family = card.Family,
                Fingerprint = card.Fingerprint,
                MaxPixels = GenerationRequest.MaxPixels,
                Served = stages.All(
                    stage =>
                        Roles.All(
                            role =>
                                workers.Any(
                                    worker =>
                                        worker.Role == role.Name && worker.State == WorkerState.Ready && worker.Models.ContainsKey(stage.Model)))),
            };
        }
        ModelFacts facts = card.Facts;
        int scale = facts.Scale ?? 0;
        var message = new Model
        {
            Name = card.Name,
            Title = card.Title ?? "",
            Description = card.Description ?? "",
            License = card.License ?? "",
            Family = card.Family,
            Fingerprint = card.Fingerprint,
            DefaultWidth = card.Defaults.Width ?? (facts.FixedLatentSize?.Width ?? facts.SampleSize) * scale,
            DefaultHeight = card.Defaults.Height ?? (facts.FixedLatentSize?.Height ?? facts.SampleSize) * scale,
            SizeMultiple = facts.PixelMultiple ?? 0,
            FixedWidth = (facts.FixedLatentSize?.Width ?? 0) * scale,
            FixedHeight = (facts.FixedLatentSize?.Height ?? 0) * scale,
            MaxPixels = GenerationRequest.MaxPixels,
            Scheduler = StructJson.ToStruct(card.Scheduler),
            Served = Roles.All(role => workers.Any(worker =>
                worker.Role == role.Name && worker.State == WorkerState.Ready && worker.Models.TryGetValue(card.Name, out string? fingerprint)
                    && fingerprint == card.Fingerprint)),
        };
        message.Examples.Add(card.Examples);
        return message;
    }
}
