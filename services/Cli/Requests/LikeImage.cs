using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Models.Facts;
using Brownian.Models.Metadata;
using Brownian.Requests.References;

namespace Brownian.Cli.Requests;

/// <summary>The image of --like: its settings, and the ones that the request does not take over.</summary>
/// <param name="file">The image.</param>
/// <param name="settings">The settings in the image.</param>
internal sealed class LikeImage(string file, ImageMetadata settings)
{
    /// <summary>The options for images that the file does not contain.</summary>
    private static readonly Dictionary<string, string> Options = new(StringComparer.Ordinal)
    {
        ["init_image"] = "--init-image",
        ["mask"] = "--mask",
        ["control_image"] = "--control-image",
    };

    private readonly List<IgnoredSetting> _ignored = [.. settings.Ignored];
    private readonly List<string> _warnings = [];

    /// <summary>The settings in the image.</summary>
    public ImageMetadata Settings => settings;

    /// <summary>Reads an image's settings.</summary>
    /// <exception cref="FieldFaultException">The image contains no settings, or they cannot be read.</exception>
    public static LikeImage Read(string file)
    {
        byte[] bytes = InputFile.ReadAll(file, "--like");
        try
        {
            string text = ImageMetadata.TextIn(bytes) ?? throw new InvalidDataException("contains no settings");
            return new LikeImage(file, ImageMetadata.Read(text));
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("--like", $"{file} {exception.Message}"));
        }
    }

    /// <summary>Refuses a request without the images that its settings need, and forgets settings that options override.</summary>
    /// <param name="request">The request with the options applied.</param>
    /// <param name="faults">Receives the faults.</param>
    public void Check(JsonObject request, List<FieldFault> faults)
    {
        foreach (MissingImage image in settings.Missing)
        {
            bool isSet = request[image.Field] is not null || (image.Field == "init_image" && request["init_latents"] is not null);
            if (!isSet)
            {
                faults.Add(new FieldFault(
                    "--like",
                    $"{file} was generated from an image that the file does not contain ({image.Setting}); give the image with "
                        + $"{Options[image.Field]}"));
            }
        }
        _ignored.RemoveAll(setting => setting.Field is { } field && !JsonNode.DeepEquals(request[field], settings.Request[field]));
    }

    /// <summary>Adapts the request to its model, and adds textual inversions whose files are found.</summary>
    /// <param name="request">The request.</param>
    /// <param name="facts">The model's facts.</param>
    /// <param name="adapters">The catalogue that is searched for files.</param>
    public void Fit(JsonObject request, ModelFacts facts, AdapterCatalog adapters)
    {
        _ignored.AddRange(settings.FitTo(request, facts));
        if (request["textual_inversions"] is not null)
        {
            return;
        }
        var found = new JsonArray();
        foreach (string name in settings.Inversions)
        {
            if (adapters.Has(name))
            {
                found.Add(new JsonObject { ["file"] = name, ["token"] = name });
            }
            else
            {
                _ignored.Add(new IgnoredSetting("textual inversion", name + ", for which no file is found"));
            }
        }
        if (found.Count > 0)
        {
            request["textual_inversions"] = found;
        }
    }

    /// <summary>Reports textual inversions that a gateway would have to search for.</summary>
    public void LeaveInversions(JsonObject request)
    {
        if (request["textual_inversions"] is null)
        {
            _ignored.AddRange(
                settings.Inversions.Select(name => new IgnoredSetting("textual inversion", name + "; give its file with --textual-inversion")));
        }
    }

    /// <summary>Compares adapter files with the hashes in the image's settings.</summary>
    /// <param name="set">The opened adapters.</param>
    /// <param name="references">Their references.</param>
    public void Compare(AdapterSet set, AdapterReferences references)
    {
        foreach ((LoraReference lora, LoraUse use) in references.Loras.Zip(set.Loras))
        {
            Compare(lora.File, lora.Sha256!, settings.AdapterHashes, use.File.IsHashed);
        }
        foreach (InversionReference inversion in references.TextualInversions)
        {
            string found = inversion.Sha256!;
            Compare(inversion.File, found, settings.AdapterHashes, digits => found.StartsWith(digits, StringComparison.Ordinal));
        }
    }

    /// <summary>Compares ControlNets with the hashes in the image's settings.</summary>
    /// <param name="controlNets">The references of the ControlNets that were found.</param>
    public void Compare(IReadOnlyList<ControlNetReference> controlNets)
    {
        foreach (ControlNetReference net in controlNets.Where(net => net.Fingerprint is not null))
        {
            string found = net.Fingerprint!;
            Compare(net.Name, found, settings.ControlNetHashes, digits => found.StartsWith(digits, StringComparison.Ordinal));
        }
    }

    private void Compare(string path, string found, IReadOnlyList<KeyValuePair<string, string>> hashes, Func<string, bool> isHashed)
    {
        string name = AdapterNames.NameOf(path);
        string[] requested = [.. hashes.Where(pair => pair.Key == name).Select(pair => pair.Value)];
        if (requested.Length > 0 && !requested.Any(isHashed))
        {
            _warnings.Add(
                $"{name} is a different file here ({found[..12]}) from the file that {file} was generated with ({string.Join(", ", requested)})");
        }
    }

    /// <summary>Warns about settings that change the image and were not taken over.</summary>
    public void Warn(Action<string> warn)
    {
        if (_ignored.Count > 0)
        {
            warn($"--like: {file} has settings that are ignored and change the image: {string.Join("; ", _ignored)}");
        }
        _warnings.ForEach(warn);
    }
}
