using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Settings;

/// <summary>
/// The user's defaults: fields of requests that <c>brownian generate</c> begins with, and the server of the commands that call one.
/// </summary>
internal static class UserConfig
{
    /// <summary>The environment variable with the file's path.</summary>
    public const string Variable = "BROWNIAN_CONFIG";

    /// <summary>The key of the server's address.</summary>
    public const string Server = "server";

    /// <summary>How files of settings are written.</summary>
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    /// <summary>The user's folder of settings. It may not exist.</summary>
    public static string Folder { get; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify), "brownian");

    /// <summary>The path of the file. It may not exist.</summary>
    public static string FilePath =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? path : Path.Combine(Folder, "config.json");

    /// <summary>The keys that the file can have.</summary>
    public static IReadOnlyList<string> Known { get; } =
        [Server, .. RequestSchema.Request.All.Select(field => field.Name).Where(name => name is not ("prompt" or "task"))];

    /// <summary>Reads the file; empty when there is none.</summary>
    /// <exception cref="FieldFaultException">The file has keys or values that are not allowed.</exception>
    /// <exception cref="ModelException">The file is no JSON object.</exception>
    public static JsonObject Read()
    {
        JsonObject config = JsonFile.ReadIfThere(FilePath) ?? [];
        var faults = new List<FieldFault>();
        foreach ((string name, JsonNode? value) in config)
        {
            Check(name, value, $"{FilePath}: {name}", faults);
        }
        return faults.Count == 0 ? config : throw new FieldFaultException(faults);
    }

    /// <summary>Reads the file without looking at its values, so that one that is not allowed can be replaced or removed.</summary>
    /// <exception cref="ModelException">The file is no JSON object.</exception>
    public static JsonObject ReadToChange() => JsonFile.ReadIfThere(FilePath) ?? [];

    /// <summary>Returns the fields of requests; empty for none.</summary>
    public static JsonObject ReadRequest()
    {
        JsonObject config = Read();
        config.Remove(Server);
        return config;
    }

    /// <summary>Writes the file.</summary>
    public static void Write(JsonObject config)
    {
        string unfinished = $"{FilePath}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(FilePath))!);
            File.WriteAllText(unfinished, config.ToJsonString(Readable) + "\n");
            File.Move(unfinished, FilePath, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            File.Delete(unfinished);
            string reason = Directory.Exists(FilePath) ? "it is a folder"
                : exception is FileNotFoundException ? "its folder takes no files" : FileReason.Of(exception, FilePath);
            throw new ModelException($"{FilePath} cannot be written: {reason}", exception);
        }
    }

    /// <summary>Adds the fault of a key or its value.</summary>
    /// <param name="name">The key.</param>
    /// <param name="value">Its value.</param>
    /// <param name="where">What a message names.</param>
    /// <param name="faults">Receives the fault.</param>
    public static void Check(string name, JsonNode? value, string where, List<FieldFault> faults)
    {
        if (!Known.Contains(name))
        {
            faults.Add(new FieldFault(where, $"is not a setting{OtherNames.Hint(name, Known)}; known: {string.Join(", ", Known)}"));
            return;
        }
        if (name == Server)
        {
            if (value is not JsonValue text || !text.TryGetValue(out string? address) || string.IsNullOrWhiteSpace(address))
            {
                faults.Add(FieldFault.Of(where, value, "the address of a gateway's gRPC port, such as http://host:5081, as text"));
            }
            return;
        }
        if (name == "scheduler" && NameOf(value) is { } scheduler)
        {
            try
            {
                SchedulerCatalog.Find(scheduler, where);
            }
            catch (FieldFaultException exception)
            {
                faults.AddRange(exception.Faults);
                return;
            }
        }
        try
        {
            RequestReader.Read(new JsonObject { [name] = value?.DeepClone() });
        }
        catch (FieldFaultException exception)
        {
            faults.AddRange(exception.Faults.Where(fault => fault.Field.StartsWith(name, StringComparison.Ordinal))
                .Select(fault => new FieldFault(where + fault.Field[name.Length..], fault.Message)));
        }
    }

    /// <summary>Returns the scheduler's name in its two forms, a text and an object; null for other values.</summary>
    private static string? NameOf(JsonNode? scheduler) =>
        (scheduler is JsonObject options ? options["_class_name"] : scheduler) is JsonValue value && value.TryGetValue(out string? name)
            ? name : null;
}
