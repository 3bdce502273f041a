using System.Text.Json;

namespace Brownian.Resumption;

/// <summary>The contents of the process's folder: a model and the runs saved with it.</summary>
/// <param name="Unet">The graph's file.</param>
/// <param name="Runs">The runs.</param>
public sealed record ResumeManifest(string Unet, IReadOnlyList<ResumeRun> Runs)
{
    /// <summary>The manifest's name in the folder.</summary>
    public const string FileName = "manifest.json";

    /// <summary>Reads a folder's manifest.</summary>
    public static ResumeManifest Read(string folder) =>
        JsonSerializer.Deserialize<ResumeManifest>(File.ReadAllBytes(Path.Combine(folder, FileName)))
            ?? throw new InvalidDataException("The manifest is null");

    /// <summary>Writes a folder's manifest.</summary>
    public void Write(string folder) => File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this));
}
