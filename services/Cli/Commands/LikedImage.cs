using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Models.Facts;
using Brownian.Models.Metadata;
using Brownian.Requests.References;

namespace Brownian.Cli.Commands;

/// <summary>The image of --like: its settings, and what of them does not become part of the request.</summary>
/// <param name="file">The image.</param>
/// <param name="settings">What it carries.</param>
internal sealed class LikedImage(FileInfo file, ImageMetadata settings)
{
    /// <summary>The options that give what a file does not carry.</summary>
    private static readonly Dictionary<string, string> Options = new(StringComparer.Ordinal)
    {
        ["init_image"] = "--init-image",
        ["mask"] = "--mask",
        ["control_image"] = "--control-image",
    };

    private readonly List<UntakenSetting> _untaken = [.. settings.Untaken];
    private readonly List<string> _warnings = [];

    /// <summary>What the image carries.</summary>
    public ImageMetadata Settings => settings;

    /// <summary>Reads an image's settings.</summary>
    /// <exception cref="FieldFaultException">It carries none, or what cannot be read.</exception>
    public static LikedImage Read(FileInfo file)
    {
        byte[] bytes = RequestOptions.ReadAll(file, "--like");
        try
        {
            string text = ImageMetadata.TextIn(bytes) ?? throw new InvalidDataException("carries no settings");
            return new LikedImage(file, ImageMetadata.Read(text));
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("--like", $"{file} {exception.Message}"));
        }
    }

    /// <summary>Refuses a request for which images are missing, and forgets what options say instead.</summary>
    /// <param name="request">The request with the options laid over it.</param>
    /// <param name="faults">Where faults go.</param>
    public void Check(JsonObject request, List<FieldFault> faults)
    {
        foreach (MissingImage image in settings.Missing)
        {
            bool isGiven = request[image.Field] is not null || (image.Field == "init_image" && request["init_latents"] is not null);
            if (!isGiven)
            {
                faults.Add(new FieldFault(
                    "--like",
                    $"{file} was made with a picture that it does not carry ({image.Setting}); allowed: with "
                        + $"{Options[image.Field]}, which gives it"));
            }
        }
        _untaken.RemoveAll(setting => setting.Field is { } field && !JsonNode.DeepEquals(request[field], settings.Request[field]));
    }

    /// <summary>Fits the request to its model, and names textual inversions whose files are found.</summary>
    /// <param name="request">The request.</param>
    /// <param name="facts">The model's.</param>
    /// <param name="adapters">Where files are looked for.</param>
    public void Fit(JsonObject request, ModelFacts facts, AdapterCatalog adapters)
    {
        _untaken.AddRange(settings.FitTo(request, facts));
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
                _untaken.Add(new UntakenSetting("textual inversion", name + ", of which no file is found"));
            }
        }
        if (found.Count > 0)
        {
            request["textual_inversions"] = found;
        }
    }

    /// <summary>Names what a gateway would have to look for.</summary>
    public void LeaveInversions(JsonObject request)
    {
        if (request["textual_inversions"] is null)
        {
            _untaken.AddRange(
                settings.Inversions.Select(name => new UntakenSetting("textual inversion", name + ", which --textual-inversion gives")));
        }
    }

    /// <summary>Compares files with the ones that the image was made with.</summary>
    /// <param name="set">What was opened.</param>
    /// <param name="references">Their names.</param>
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

    /// <summary>Compares ControlNets with the ones that the image was made with.</summary>
    /// <param name="nets">What was found.</param>
    public void Compare(IReadOnlyList<ControlNetReference> nets)
    {
        foreach (ControlNetReference net in nets.Where(net => net.Fingerprint is not null))
        {
            string found = net.Fingerprint!;
            Compare(net.Name, found, settings.ControlNetHashes, digits => found.StartsWith(digits, StringComparison.Ordinal));
        }
    }

    private void Compare(string path, string found, IReadOnlyList<KeyValuePair<string, string>> hashes, Func<string, bool> isHashed)
    {
        string name = AdapterNames.NameOf(path);
        string[] asked = [.. hashes.Where(pair => pair.Key == name).Select(pair => pair.Value)];
        if (asked.Length > 0 && !asked.Any(isHashed))
        {
            _warnings.Add($"{name} is another file here ({found[..12]}) than the one that {file} was made with ({string.Join(", ", asked)})");
        }
    }

    /// <summary>Says what changes the image and was not taken.</summary>
    public void Warn(Action<string> warn)
    {
        if (_untaken.Count > 0)
        {
            warn($"--like: {file} has settings that are not taken and change the picture: {string.Join("; ", _untaken)}");
        }
        _warnings.ForEach(warn);
    }
}
