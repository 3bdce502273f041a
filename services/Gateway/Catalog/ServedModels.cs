using Brownian.Jobs.Catalog;
using Brownian.Models.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;

namespace Brownian.Gateway.Catalog;

/// <summary>The models that requests can name, for doors that need to know a request's model before it is a request.</summary>
/// <param name="catalog">The catalogue with the models.</param>
internal sealed class ServedModels(ICatalog catalog)
{
    /// <summary>Returns a model, or the one that requests without a model use; null when there is none.</summary>
    /// <param name="name">The name; null for the default model.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<ModelCard?> FindAsync(string? name, CancellationToken cancellationToken)
    {
        ModelCard? named = await catalog.FindModelAsync(name ?? ModelCatalog.DefaultModel, cancellationToken);
        if (named is not null || name is not null)
        {
            return named;
        }
        ModelCard[] drawing = [.. (await catalog.ModelsAsync(cancellationToken)).Where(Draws)];
        return drawing is [var only] ? only : null;
    }

    /// <summary>Returns whether a model or cascade makes images from prompts or from other images. Others only make an image larger.</summary>
    public static bool Draws(ModelCard card) => card.Facts.Denoisers.Count > 0 || !Upscales(card);

    /// <summary>Returns whether a model makes an image larger. A cascade, which has no family, makes one first.</summary>
    public static bool Upscales(ModelCard card) => card.Stages is null && ModelFamilies.Upscales(card.Facts);
}
