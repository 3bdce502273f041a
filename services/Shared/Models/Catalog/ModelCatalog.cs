using Brownian.Formats.Files;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Models.Catalog;

/// <summary>
/// Finds models by name: in the folders given by the caller, in the folders of <c>BROWNIAN_MODELS</c>, in the user's folder of imported models, in
/// <c>models</c> beside the program, and in the cache of files that were used as models.
/// </summary>
public sealed class ModelCatalog
{
    /// <summary>The model that is used when a request names none: the one that ships with the program.</summary>
    public const string DefaultModel = "emoji";

    /// <summary>The environment variable that lists folders of models, separated by the separator of <c>PATH</c>.</summary>
    public const string Variable = "BROWNIAN_MODELS";

    /// <summary>The user's folder of imported models. It may not exist.</summary>
    public static string UserFolder { get; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "brownian", "models");

    /// <summary>The folder of the models that were imported from files that were used as models. It may not exist.</summary>
    public static string CacheFolder { get; } = Path.Combine(Path.GetDirectoryName(UserFolder)!, "imported");

    /// <summary>The folder of files that were downloaded from a hub, until they are imported. It may not exist.</summary>
    public static string PulledFolder { get; } = Path.Combine(Path.GetDirectoryName(UserFolder)!, "pulled");

    /// <summary>The folder of graphs in the form that the runtime gives them for this processor. It may not exist.</summary>
    public static string OptimizedFolder { get; } = Path.Combine(Path.GetDirectoryName(UserFolder)!, "optimized");

    /// <param name="folders">Folders that contain model folders. The first folder that contains the requested name is used.</param>
    public ModelCatalog(IEnumerable<string> folders)
    {
        Folders = [.. folders.Select(Path.GetFullPath).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The folders that are searched, in order.</summary>
    public IReadOnlyList<string> Folders { get; }

    /// <summary>Creates the catalog of a program.</summary>
    /// <param name="given">Folders that the caller names. They are searched first.</param>
    /// <exception cref="FieldFaultException">A given folder does not exist.</exception>
    public static ModelCatalog Create(IReadOnlyList<string> given)
    {
        FieldFault[] missing =
            [.. given.Where(folder => !Directory.Exists(folder)).Select(folder => FieldFault.Of("--models", folder, "a folder that exists"))];
        if (missing.Length > 0)
        {
            throw new FieldFaultException(missing);
        }
        return new ModelCatalog([.. given, .. FoldersOfVariable(), UserFolder, Path.Combine(AppContext.BaseDirectory, "models"), CacheFolder]);
    }

    /// <summary>Returns the folders that <see cref="Variable"/> names. They may not exist.</summary>
    public static IReadOnlyList<string> FoldersOfVariable() => (Environment.GetEnvironmentVariable(Variable) ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Returns every model in the folders, ordered by name.</summary>
    public IReadOnlyList<(string Name, string Folder)> List() =>
    [
        .. Folders
            .Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories)
            .Where(folder => !Path.GetFileName(folder).StartsWith('.') && ModelFolder.IsModel(folder))
            .Select(folder => (Name: Path.GetFileName(folder), Folder: folder))
            .DistinctBy(model => model.Name)
            .OrderBy(model => model.Name, StringComparer.Ordinal),
    ];

    /// <summary>Returns every cascade in the folders, ordered by name.</summary>
    public IReadOnlyList<(string Name, string Folder)> ListCascades() =>
    [
        .. Folders
            .Where(Directory.Exists)
            .SelectMany(Directory.GetDirectories)
            .Where(Cascade.IsCascade)
            .Select(folder => (Name: Path.GetFileName(folder), Folder: folder))
            .DistinctBy(cascade => cascade.Name)
            .OrderBy(cascade => cascade.Name, StringComparer.Ordinal),
    ];

    /// <summary>Returns a cascade by its name or by the path of its folder, or null when the folder contains no cascade.</summary>
    /// <exception cref="ModelException">The cascade's file is damaged, or its stages do not fit their roles.</exception>
    public Cascade? FindCascade(string nameOrFolder)
    {
        string? folder = nameOrFolder.Length > 0 && nameOrFolder.IndexOfAny(['/', '\\']) < 0
            && Folders.Select(folder => Path.Combine(folder, nameOrFolder)).FirstOrDefault(Cascade.IsCascade) is { } found
            ? found
            : Directory.Exists(nameOrFolder) && Cascade.IsCascade(nameOrFolder) ? nameOrFolder : null;
        if (folder is null)
        {
            return null;
        }
        Cascade cascade = Cascade.Open(folder);
        cascade.RequireRoles();
        return cascade;
    }

    /// <summary>Opens a model by its name or by the path of its folder.</summary>
    /// <param name="nameOrFolder">For example <c>emoji</c> or <c>./exports/sd15</c>; null for <see cref="DefaultModel"/>.</param>
    /// <param name="precision">See <see cref="ModelFolder.Open"/>.</param>
    /// <exception cref="ModelException">There is no such model. The message states what is accepted instead.</exception>
    public ModelFolder Open(string? nameOrFolder, string? precision = null)
    {
        string wanted = nameOrFolder ?? DefaultModel;
        if (wanted.Length == 0)
        {
            throw new ModelException("The model's name is empty; allowed: a name of \"brownian models list\", or a folder");
        }
        bool isName = wanted.IndexOfAny(['/', '\\']) < 0 && wanted is not ("." or "..");
        if (isName && Folders.Select(folder => Path.Combine(folder, wanted)).FirstOrDefault(ModelFolder.IsModel) is { } found)
        {
            return ModelFolder.Open(found, precision);
        }
        if (Directory.Exists(wanted))
        {
            return ModelFolder.IsModel(wanted)
                ? ModelFolder.Open(wanted, precision)
                : throw new ModelException(
                    $"The folder {wanted} is not a model: it has neither model_index.json nor a folder like unet/ or text_encoder/");
        }
        if (Path.GetExtension(wanted) is ".safetensors" or ".ckpt" or ".pt" or ".bin" or ".gguf")
        {
            throw new ModelException(ModelExport.HowToImportFile(wanted));
        }
        if (File.Exists(wanted))
        {
            throw new ModelException($"{wanted} is a file; a model is a folder with graphs in text_encoder/, unet/ and vae_decoder/");
        }
        IReadOnlyList<(string Name, string Folder)> models = List();
        string known = models.Count > 0
            ? "known models: " + string.Join(", ", models.Select(model => model.Name))
            : "no models are found in " + string.Join(", ", Folders);
        if (LooksLikeHubName(wanted))
        {
            throw new ModelException(
                $"There is no folder {wanted}. If it is a name on a model hub: {ModelExport.HowToPull(wanted)}");
        }
        string hint = Spelling.Hint(wanted, models.Select(model => model.Name));
        throw new ModelException(isName ? $"There is no model \"{wanted}\"{hint}; {known}" : $"The folder {wanted} does not exist; {known}");
    }

    private static bool LooksLikeHubName(string text) =>
        text.Split('/') is [{ Length: > 0 } owner, { Length: > 0 } name]
        && (owner + name).All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.')
        && !owner.StartsWith('.');
}
