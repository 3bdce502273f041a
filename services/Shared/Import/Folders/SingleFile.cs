using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.SingleFiles;

namespace Brownian.Import.Folders;

/// <summary>
/// Reads a model in one file with its authors' names. What it is follows from the names of the tensors, never from the file's name.
/// </summary>
internal static class SingleFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="settings">How it is imported.</param>
    public static CheckpointSource Read(string file, ImportSettings settings)
    {
        if (settings.ConfigFolder is { } folder && !File.Exists(Path.Combine(folder, DiffusersFolder.ModelIndex)))
        {
            throw new ModelException($"{folder} is not a diffusers folder: it has no {DiffusersFolder.ModelIndex}");
        }
        var set = WeightSet.OpenFile(file);
        SingleFileReader? reader = null;
        try
        {
            if (UpscalerWeights.Find(set) is { } upscaler)
            {
                return UpscalerFile.Read(file, set, upscaler, settings);
            }
            TransformerWeights? transformer = SingleFileKind.Require(set);
            reader = transformer is null ? new UnetFile(set, settings) : new TransformerFile(set, transformer, settings);
            PartReader parts = reader.ReadParts();
            if (parts.Faults.Count > 0)
            {
                throw new ModelException($"{file} cannot be imported: {string.Join("; ", parts.Faults)}");
            }
            string?[] others = [settings.ConfigFolder, settings.Autoencoder, settings.Tokenizer, .. settings.TextEncoders];
            return new CheckpointSource(Path.GetFullPath(file), parts, reader.Files, reader.Sets)
            {
                License = set.Metadata.GetValueOrDefault("modelspec.license"),
                Title = set.Metadata.GetValueOrDefault("modelspec.title"),
                Identity = CheckpointSource.IdentityOf(settings, [file, .. others.OfType<string>().SelectMany(FilesIn)]),
            };
        }
        catch
        {
            foreach (WeightSet opened in reader?.Sets ?? [set])
            {
                opened.Dispose();
            }
            throw;
        }
    }

    private static IEnumerable<string> FilesIn(string path) =>
        Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) : [path];
}
