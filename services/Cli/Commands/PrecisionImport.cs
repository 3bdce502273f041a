using Brownian.Formats.Files;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary>
/// Imports a model with weights of 16 or 8 bits, and says how its images differ from those of the float32 model. With 8 bits convolutions are
/// quantised where the difference stays below a bound; otherwise they stay in float32.
/// </summary>
internal static class PrecisionImport
{
    /// <summary>The largest mean difference of the last latents, as a share of their size, at which convolutions are quantised.</summary>
    public const double Bound = 0.1;

    private const string HiddenKind = "precision", ConvolutionsStay = "convolutions stay in float32";

    /// <summary>Writes a model's folder.</summary>
    /// <param name="checkpoint">The checkpoint with these settings.</param>
    /// <param name="source">The checkpoint's path.</param>
    /// <param name="folder">The model's folder, which must not exist.</param>
    /// <param name="settings">How it is imported.</param>
    /// <param name="cancellationToken">Stops the import. Nothing is left behind.</param>
    public static async Task WriteAsync(
        CheckpointSource checkpoint, string source, string folder, ImportSettings settings, CancellationToken cancellationToken)
    {
        ImportWriter.RequireNew(folder);
        using ImportLock hidden = Take(folder);
        string reference = Path.Combine(hidden.Folder, "float32"), reduced = Path.Combine(hidden.Folder, "reduced");
        try
        {
            using (var exact = CheckpointSource.Open(source, settings with { Graphs = new GraphOptions(settings.Graphs.IsPortable) }))
            {
                DiskSpace.Require(
                    $"{folder} with the float32 model that it is compared with", exact.Bytes + checkpoint.Bytes, DiskSpace.Left(hidden.Folder));
                ModelImport.Write(exact, reference, cancellationToken, "float32, to compare");
            }
            ModelImport.Write(checkpoint, reduced, cancellationToken, PrecisionOf(settings));
            IReadOnlyList<ModelDifference>? differences = await CompareAsync(reference, reduced, cancellationToken);
            if (settings.Graphs.QuantizesConvolutions && !(differences?.Average(difference => difference.Latents) <= Bound))
            {
                Console.Error.WriteLine(differences is null ? ConvolutionsStay : string.Create(
                    CultureInfo.InvariantCulture, $"more than {100 * Bound:0} % on average: {ConvolutionsStay}"));
                Directory.Delete(reduced, recursive: true);
                using var plain = CheckpointSource.Open(
                    source, settings with { Graphs = settings.Graphs with { QuantizesConvolutions = false } });
                ModelImport.Write(plain, reduced, cancellationToken, PrecisionOf(settings));
                if (differences is not null)
                {
                    await CompareAsync(reference, reduced, cancellationToken);
                }
            }
            ImportWriter.RequireNew(folder);
            Directory.Move(reduced, Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        }
        finally
        {
            hidden.Remove();
        }
    }

    /// <summary>Removes what an import that was killed left beside a model's folder.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="ModelException">Another process imports it now.</exception>
    public static void RemoveLeft(string folder)
    {
        if (Directory.Exists(ImportLock.FolderOf(folder, HiddenKind)))
        {
            using ImportLock hidden = Take(folder);
            hidden.Remove();
        }
    }

    private static string PrecisionOf(ImportSettings settings) => settings.Graphs.QuantizesLinear ? ImportOptions.Int8 : ImportOptions.Float16;

    private static ImportLock Take(string folder) => ImportLock.Take(folder, HiddenKind, Guid.NewGuid().ToString());

    /// <summary>Prints the differences; returns null for a model that cannot be tried.</summary>
    private static async Task<IReadOnlyList<ModelDifference>?> CompareAsync(string reference, string reduced, CancellationToken cancellationToken)
    {
        try
        {
            IReadOnlyList<ModelDifference> differences = await ModelComparison.CompareAsync(
                ModelFolder.Open(reference), ModelFolder.Open(reduced), new SessionSettings(), cancellationToken);
            foreach (ModelDifference difference in differences)
            {
                Console.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"\"{difference.Prompt}\", {ModelComparison.Steps} steps, {difference.Size.Width}x{difference.Size.Height}: latents differ from "
                        + $"float32 by {100 * difference.Latents:0.0} %, the image by {difference.Levels:0.0} levels of 255"));
            }
            return differences;
        }
        catch (FieldFaultException exception)
        {
            Console.Error.WriteLine(
                $"not compared with float32, because the model draws neither from a prompt nor from an image alone: {exception.Message}");
            return null;
        }
    }
}
