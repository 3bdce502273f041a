using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Models.Facts;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.Catalog;

/// <summary>Lists the models.</summary>
/// <param name="catalog">The catalogue.</param>
[Requires(Permission.Read)]
public sealed class ModelsService(ICatalog catalog) : V1.Models.ModelsBase
{
    /// <inheritdoc/>
    public override async Task<ListModelsResponse> List(ListModelsRequest request, ServerCallContext context)
    {
        IReadOnlyList<WorkerCard> workers = await catalog.WorkersAsync(context.CancellationToken);
        var response = new ListModelsResponse();
        response.Models.Add((await catalog.ModelsAsync(context.CancellationToken)).Select(card => CatalogMessages.ToMessage(card, workers)));
        return response;
    }

    /// <inheritdoc/>
    public override async Task<Model> Get(GetModelRequest request, ServerCallContext context)
    {
        ModelCard card = await catalog.FindModelAsync(request.Name, context.CancellationToken)
            ?? throw new RpcException(new Status(StatusCode.NotFound, $"there is no model \"{request.Name}\""));
        return CatalogMessages.ToMessage(card, await catalog.WorkersAsync(context.CancellationToken));
    }
}
