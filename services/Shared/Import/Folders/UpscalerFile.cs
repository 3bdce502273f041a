using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;
using Brownian.Models.Families;

namespace Brownian.Import.Folders;

/// <summary>Reads a convolutional upscaler in one file. It becomes a model folder of the family <see cref="ImageUpscaler"/>.</summary>
internal static class UpscalerFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="set">The open file; the result owns it.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="settings">How it is imported.</param>
    /// <exception cref="ModelException">
    /// Tensors are missing, have other shapes or belong to another network, or a setting is one that upscalers do not have. The file stays open.
    /// </exception>
    public static CheckpointSource Read(string file, WeightSet set, UpscalerWeights weights, ImportSettings settings)
    {
        RequireSettings(set, weights, settings);
        var requested = new HashSet<string>(StringComparer.Ordinal);
        var parameters = new Parameters(set.Name, name =>
        {
            requested.Add(weights.Prefix + name);
            return Parameters.Find(set, weights.Prefix + name);
        });
        var parts = new PartReader(settings.Graphs);
        // Numbers that were parsed are of any type, those that were assigned of one.
        JsonObject config = JsonNode.Parse(weights.Config().ToJsonString())!.AsObject();
        parts.Read(ImageUpscaler.Part, new NetworkConfig(config, set.Name), parameters);
        string[] others =
        [
            .. set.Tensors.Keys.Where(name => name.StartsWith(weights.Prefix, StringComparison.Ordinal) && !requested.Contains(name))
                .Order(StringComparer.Ordinal)
        ];
        if (others.Length > 0)
        {
            // As PyTorch does: they are of a variant that computes something else.
            parts.Faults.Add(
                $"{set.Name} has {others.Length} tensors that no {weights.ClassName} of its size has: {string.Join(", ", others.Take(5))}"
                    + (others.Length > 5 ? ", ..." : ""));
        }
        if (parts.Faults.Count > 0)
        {
            throw new ModelException($"{file} cannot be imported: {string.Join("; ", parts.Faults)}");
        }
        if (weights.Prefix == UpscalerWeights.Averages
            && set.Tensors.Keys.Any(name => name.StartsWith(UpscalerWeights.Last, StringComparison.Ordinal)))
        {
            parts.Notes.Add("the averaged weights (params_ema) are used, as upscalers always are; those of the last step (params) are left out");
        }
        return new CheckpointSource(Path.GetFullPath(file), parts, [], [set])
        {
            License = set.Metadata.GetValueOrDefault("modelspec.license"),
            Identity = CheckpointSource.IdentityOf(settings, file),
        };
    }

    private static void RequireSettings(WeightSet set, UpscalerWeights weights, ImportSettings settings)
    {
        if (settings.ConfigFolder is not null || settings.Autoencoder is not null || settings.PredictionType is not null
            || settings.TextEncoders.Count > 0 || settings.Tokenizer is not null)
        {
            throw new ModelException(
                $"{set.Name} is an upscaler, for which --config, --vae, --text-encoder, --tokenizer and --prediction have no meaning: leave them "
                    + "out");
        }
        if (settings.UsesAverages && weights.Prefix != UpscalerWeights.Averages)
        {
            throw new ModelException($"{set.Name} has no averaged weights (params_ema): leave --ema out");
        }
    }
}
