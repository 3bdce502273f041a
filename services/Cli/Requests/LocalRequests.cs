using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Cli.Output;
using Brownian.Formats.Files;
using Brownian.Imaging;
using Brownian.Import.Folders;
using Brownian.Models.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Cli.Requests;

/// <summary>Validates requests that run here, against their models and with their files, before graphs of gigabytes are loaded.</summary>
/// <param name="catalog">The models.</param>
/// <param name="adapters">The LoRAs, textual inversions and ControlNets.</param>
/// <param name="precision">The preferred precision of graphs, or null.</param>
internal sealed class LocalRequests(ModelCatalog catalog, AdapterCatalog adapters, string? precision)
{
    private readonly Dictionary<string, ModelFolder> _opened = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ModelCard> _cards = new(StringComparer.Ordinal);

    /// <summary>The image of --like, whose settings are adapted to the model; null without --like.</summary>
    public LikeImage? Like { get; init; }

    /// <summary>
    /// Expands what a request names: a checkpoint file becomes the folder that is imported from it, and a cascade its stages' folders.
    /// </summary>
    /// <param name="requested">The fields; changed.</param>
    /// <param name="quiet">Whether an import shows nothing.</param>
    /// <param name="cancellationToken">Stops an import.</param>
    public async Task<JsonObject> ExpandAsync(JsonObject requested, bool quiet, CancellationToken cancellationToken)
    {
        requested = await Task.Run(() => ImportFiles(requested, quiet, cancellationToken), cancellationToken);
        return requested["model"] is JsonValue model && model.TryGetValue(out string? name) && catalog.FindCascade(name) is { } cascade
            ? Cascade.Expand(requested, cascade.Stages, cascade.Folders)
            : requested;
    }

    /// <summary>Validates a request.</summary>
    /// <param name="requested">The expanded fields; adapted to the model where <see cref="Like"/> is set.</param>
    /// <param name="request">The request that was read from them.</param>
    /// <param name="given">Reads the files that it names.</param>
    /// <param name="faults">The faults that were found before.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="FieldFaultException">The request is invalid; contains every fault.</exception>
    /// <exception cref="ModelException">A model does not exist, or is damaged.</exception>
    public async Task<PreparedRequest> PrepareAsync(
        JsonObject requested, GenerationRequest request, RequestFiles given, List<FieldFault> faults, CancellationToken cancellationToken)
    {
        ModelFolder[] models = Open(request, faults);
        if (Like is { } like && models.Length > 0)
        {
            like.Fit(requested, ModelFamilies.Read(models[0]), adapters);
            request = RequestReading.Read(requested, faults);
        }
        if (request.Adapters is { } named && adapters.Open(named, faults) is var (set, known))
        {
            request = request with { Adapters = known };
            Like?.Compare(set, known);
        }
        RequestImages images =
            await RequestImages.ReadAsync(request, file => given.FindAsync(file, cancellationToken), faults, file => ImageReader.Read(file.Span));
        if (models.Length == 0)
        {
            throw new FieldFaultException(faults);
        }
        Resolve(request, images, models, faults);
        return new PreparedRequest(request, models, images, given);
    }

    /// <summary>Replaces files that are named as models by the folders that are imported from them.</summary>
    private static JsonObject ImportFiles(JsonObject requested, bool quiet, CancellationToken cancellationToken)
    {
        if (requested["model"] is not JsonValue named || !named.TryGetValue(out string? model) || !ImportCache.IsFile(model))
        {
            return requested;
        }
        var report = new ImportReport();
        string folder;
        try
        {
            folder = new ImportCache(ModelCatalog.CacheFolder).Open(
                model,
                into =>
                {
                    if (!quiet)
                    {
                        Console.Error.WriteLine($"{model} is imported once, into {into}; \"brownian models prune\" removes such folders");
                    }
                },
                quiet ? null : report,
                cancellationToken);
        }
        catch (ModelException exception) when (exception.Message.Contains("--", StringComparison.Ordinal))
        {
            throw new ModelException(
                $"{exception.Message} (these are options of \"brownian import\"; --model then takes the name that the import prints)", exception);
        }
        report.Finish();
        requested["model"] = folder;
        return requested;
    }

    /// <summary>Opens the request's models; empty, with a fault, when the request names none and there is no single candidate.</summary>
    private ModelFolder[] Open(GenerationRequest request, List<FieldFault> faults)
    {
        if (request is not { Task: RequestTask.Upscale, Model: null })
        {
            return [.. request.ModelNames.Select(Open)];
        }
        string[] found = [.. catalog.List().Where(model => Upscales(model.Folder)).Select(model => model.Name)];
        if (found is [var only])
        {
            return [Open(only)];
        }
        faults.Add(new FieldFault("model", found.Length == 0
            ? $"is missing; no model that upscales images is found in {string.Join(", ", catalog.Folders)}"
            : $"is missing; allowed: {string.Join(", ", found)}"));
        return [];
    }

    private ModelFolder Open(string? name)
    {
        string key = name ?? "";
        if (!_opened.TryGetValue(key, out ModelFolder? model))
        {
            _opened[key] = model = catalog.Open(name, precision);
        }
        return model;
    }

    private static bool Upscales(string folder)
    {
        try
        {
            return ModelFamilies.Upscales(ModelFamilies.Read(ModelFolder.Open(folder)));
        }
        catch (ModelException)
        {
            return false;
        }
    }

    /// <summary>Reports every fault at once: those of the images, and those of the request against the models.</summary>
    private void Resolve(GenerationRequest request, RequestImages images, ModelFolder[] models, List<FieldFault> faults)
    {
        ModelCard[] cards = [.. models.Select(CardOf)];
        try
        {
            request = adapters.Open(request, cards[0], faults);
            Like?.Compare(request.ControlNets ?? []);
            ModelFamilies.Resolve(request, images, cards);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    private ModelCard CardOf(ModelFolder model)
    {
        if (!_cards.TryGetValue(model.FolderPath, out ModelCard? card))
        {
            _cards[model.FolderPath] = card = ModelFamilies.CardOf(model, ModelFamilies.Read(model));
        }
        return card;
    }
}
