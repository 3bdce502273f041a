using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Settings;

/// <summary>A file with fields of a request that <c>--preset</c> begins with.</summary>
/// <param name="Name">The name, which is that of the file.</param>
/// <param name="FilePath">The file.</param>
/// <param name="Description">What it is for; null when the file does not say it.</param>
/// <param name="Fields">The fields.</param>
internal sealed record Preset(string Name, string FilePath, string? Description, JsonObject Fields)
{
    private const string Extension = ".json", DescriptionKey = "description";

    /// <summary>The folders that are searched: the user's, and that of the program.</summary>
    public static IReadOnlyList<string> Folders { get; } =
        [Path.Combine(UserConfig.Folder, "presets"), Path.Combine(AppContext.BaseDirectory, "presets")];

    /// <summary>Returns the names of the presets in the folders.</summary>
    public static IReadOnlyList<string> Names() =>
    [
        .. Folders.Where(Directory.Exists).SelectMany(folder => Directory.GetFiles(folder, "*" + Extension))
            .Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => name.Length > 0)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];

    /// <summary>Reads a preset.</summary>
    /// <param name="nameOrFile">A name of <see cref="Names"/>, or the path of a file.</param>
    /// <param name="option">What a message names.</param>
    /// <exception cref="FieldFaultException">There is no such preset, or it has fields that are not allowed.</exception>
    /// <exception cref="ModelException">The file is no JSON object.</exception>
    public static Preset Open(string nameOrFile, string option = "--preset")
    {
        bool isName = nameOrFile.IndexOfAny(['/', '\\']) < 0 && nameOrFile.Length > 0;
        string? file = isName ? Folders.Select(folder => Path.Combine(folder, nameOrFile + Extension)).FirstOrDefault(File.Exists) : null;
        if ((file ?? (File.Exists(nameOrFile) ? nameOrFile : null)) is not { } found)
        {
            IReadOnlyList<string> names = Names();
            throw new FieldFaultException(FieldFault.Of(
                option, nameOrFile, $"{string.Join(", ", names)}, or the path of a file", Spelling.Hint(nameOrFile, names)));
        }
        JsonObject fields = JsonFile.Read(found);
        string? description = (fields[DescriptionKey] as JsonValue)?.ToString() is { } stated
            ? string.Concat(stated.Select(letter => char.IsControl(letter) ? ' ' : letter)) : null;
        fields.Remove(DescriptionKey);
        string[] known = [.. RequestSchema.Request.All.Select(field => field.Name), DescriptionKey];
        FieldFault[] faults =
        [
            .. fields.Select(field => field.Key).Where(name => !known.Contains(name))
                .Select(name => new FieldFault($"{found}: {name}", $"is not a field of a request{OtherNames.Hint(name, known)}")),
        ];
        return faults.Length == 0
            ? new Preset(Path.GetFileNameWithoutExtension(found), found, description, fields)
            : throw new FieldFaultException(faults);
    }
}
