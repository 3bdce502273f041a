using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Formats.Files;

namespace Brownian.Import.Hub;

/// <summary>A repository at one commit, as the hub's interface describes it (<c>/api/models/OWNER/NAME/revision/REVISION?blobs=true</c>).</summary>
/// <param name="Repository">The repository, as <c>OWNER/NAME</c>.</param>
/// <param name="Commit">The commit, in hexadecimal.</param>
/// <param name="License">The licence that its card states; null for none.</param>
/// <param name="IsGated">Whether its files are read only by users that accepted its terms.</param>
/// <param name="Files">Its files.</param>
public sealed partial record HubSnapshot(string Repository, string Commit, string? License, bool IsGated, IReadOnlyList<HubFile> Files)
{
    /// <summary>The longest licence that is shown, in letters.</summary>
    private const int MaxLicenseLength = 200;

    /// <summary>The largest file that is believed, in bytes.</summary>
    private const long MaxFileSize = 1L << 44;

    /// <summary>Reads the hub's answer.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="json">The answer.</param>
    /// <exception cref="ModelException">It is no such answer, or names a path outside of the repository.</exception>
    public static HubSnapshot Parse(string repository, ReadOnlySpan<byte> json)
    {
        JsonObject answer;
        try
        {
            ContractJson.Check(json);
            answer = JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject
                ?? throw Invalid(repository, "is not an object");
        }
        catch (JsonException exception)
        {
            throw MistakenFile.Describe(json) is { } mistaken ? new ModelException($"The hub's description of {repository} is {mistaken}", exception)
                : Invalid(repository, "is not JSON");
        }
        if (Text(answer["sha"]) is not { } commit || !Hexadecimal().IsMatch(commit))
        {
            throw Invalid(repository, "names no commit (\"sha\")");
        }
        if (answer["siblings"] is not JsonArray siblings)
        {
            throw Invalid(repository, "has no list of files (\"siblings\")");
        }
        var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        foreach (JsonNode? sibling in siblings)
        {
            HubFile file = FileOf(repository, sibling as JsonObject ?? throw Invalid(repository, "has a file that is not an object"));
            if (!files.TryAdd(file.Path, file))
            {
                throw Invalid(repository, $"names {file.Path} twice");
            }
        }
        bool isGated = answer["gated"] is JsonValue gated && gated.GetValueKind() is JsonValueKind.True or JsonValueKind.String;
        return new HubSnapshot(repository, commit, LicenseIn(answer["cardData"] as JsonObject), isGated, [.. files.Values]);
    }

    private static HubFile FileOf(string repository, JsonObject sibling)
    {
        if (Text(sibling["rfilename"]) is not { } path || !HubFile.IsSafe(path))
        {
            throw Invalid(repository, $"names the file {sibling["rfilename"]?.ToJsonString() ?? "null"}, which is no path within the repository");
        }
        var lfs = sibling["lfs"] as JsonObject;
        string? sha256 = Text(lfs?["sha256"]), blob = lfs is null ? Text(sibling["blobId"]) : null;
        return (sha256 is null || Hexadecimal().IsMatch(sha256)) && (blob is null || Hexadecimal().IsMatch(blob))
            ? new HubFile(path, SizeOf(repository, path, lfs?["size"] ?? sibling["size"]), sha256, blob)
            : throw Invalid(repository, $"has a hash of {path} that is not hexadecimal");
    }

    private static long? SizeOf(string repository, string path, JsonNode? size) => size is null ? null
        : size is JsonValue value && value.TryGetValue(out long bytes) && bytes is >= 0 and <= MaxFileSize ? bytes
        : throw Invalid(repository, $"states {size.ToJsonString()} as the size of {path}");

    /// <summary>Returns the licence's name: that of a list, or the own name of a licence that has no identifier.</summary>
    private static string? LicenseIn(JsonObject? card)
    {
        string? license = card?["license"] is JsonArray several ? string.Join(", ", several.Select(Text).OfType<string>()) : Text(card?["license"]);
        if (license == "other" && Text(card?["license_name"]) is { } own)
        {
            license = own;
        }
        // It is written to terminals.
        return license is null || string.Concat(license.Where(character => !char.IsControl(character))) is not { Length: > 0 } shown ? null
            : shown.Length <= MaxLicenseLength ? shown
            : shown[..MaxLicenseLength];
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static ModelException Invalid(string repository, string fault) => new(
        $"The hub's description of {repository} {fault}: check that BROWNIAN_HUB is a hub's address");

    [GeneratedRegex(@"\A[0-9a-f]{40}([0-9a-f]{24})?\z")]
    private static partial Regex Hexadecimal();
}
