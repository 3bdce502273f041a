using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Models.Facts;

namespace Brownian.Gateway.OpenAi;

/// <summary>The models by the names of OpenAI's API: its own names mean models of the gateway.</summary>
/// <param name="catalog">The catalogue with the models.</param>
/// <param name="options">Which model a name means.</param>
internal sealed class OpenAiModels(ICatalog catalog, PlatformOptions options)
{
    /// <summary>OpenAI's names of models for images (openai-python, <c>types/image_model.py</c>, 2026-08-21).</summary>
    private static readonly string[] Names =
    [
        "dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2-2026-04-21", "chatgpt-image-latest",
    ];

    /// <summary>Whether a name is one of those whose images are sent as links where a call states nothing.</summary>
    public static bool SendsLinks(string? name) => name is not null && name.StartsWith("dall-e-", StringComparison.Ordinal);

    /// <summary>Returns the gateway's name of a model; null for the gateway's default model.</summary>
    /// <param name="name">The name in the call; null for none.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="OpenAiException">There is no such model.</exception>
    public async Task<string?> FindAsync(string? name, CancellationToken cancellationToken)
    {
        if (name is null)
        {
            return null;
        }
        if (options.OpenAiModels.TryGetValue(name, out string? meant))
        {
            return meant;
        }
        if (await catalog.FindModelAsync(name, cancellationToken) is not null)
        {
            return name;
        }
        if (Names.Contains(name))
        {
            return null;
        }
        IReadOnlyList<ModelCard> known = await catalog.ModelsAsync(cancellationToken);
        throw new OpenAiException(
            StatusCodes.Status404NotFound, "model_not_found", "model",
            $"There is no model \"{name}\"{Spelling.Hint(name, known.Select(card => card.Name))}; known: "
                + string.Join(", ", known.Select(card => card.Name)));
    }

    /// <summary>Returns a model that makes images like another one; null when none is served.</summary>
    public async Task<string?> FindVaryingAsync(CancellationToken cancellationToken) =>
        (await catalog.ModelsAsync(cancellationToken)).FirstOrDefault(card => card.Facts.HasImageEncoder)?.Name;

    /// <summary>Returns the entries of OpenAI's list: the gateway's models, and the names that settings give them.</summary>
    public async Task<JsonArray> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<ModelCard> cards = await catalog.ModelsAsync(cancellationToken);
        return new JsonArray(
        [
            .. cards.Select(card => card.Name).Concat(options.OpenAiModels.Keys).Distinct(StringComparer.Ordinal).Select(name => Entry(name)),
        ]);
    }

    /// <summary>Returns one entry of the list.</summary>
    /// <param name="name">The name in the call.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="OpenAiException">There is no such model.</exception>
    public async Task<JsonObject> GetAsync(string name, CancellationToken cancellationToken)
    {
        await FindAsync(name, cancellationToken);
        return Entry(name);
    }

    /// <summary>An entry: a model has no time at which it was made.</summary>
    private static JsonObject Entry(string name) => new() { ["id"] = name, ["object"] = "model", ["created"] = 0, ["owned_by"] = "brownian" };
}
