using Brownian.Import.Folders;

namespace Brownian.Import.Hub;

/// <summary>What a pull downloads, and where it is then.</summary>
public sealed class PlannedPull
{
    internal PlannedPull(HubAddress address, PullFolder folder, IReadOnlyList<HubFile> files)
    {
        (Address, Folder, Files) = (address, folder, files);
    }

    /// <summary>The files that the import needs.</summary>
    public IReadOnlyList<HubFile> Files { get; }

    /// <summary>The path of the folder or file that is imported, once it is downloaded.</summary>
    public required string Path { get; init; }

    /// <summary>Whether one file is imported, and not a folder.</summary>
    public required bool IsFile { get; init; }

    /// <summary>Where the checkpoint comes from.</summary>
    public required ImportOrigin Origin { get; init; }

    /// <summary>Whether the repository's files are read only by users that accepted its terms.</summary>
    public bool IsGated { get; init; }

    /// <summary>The bytes of the files whose length is known.</summary>
    public long Bytes => Files.Sum(file => file.Size ?? 0);

    internal HubAddress Address { get; }

    internal string? Commit { get; init; }

    internal PullFolder Folder { get; }

    /// <summary>Notes that the downloaded files stay, also after later pulls.</summary>
    public void Keep() => Folder.Keep();

    /// <summary>Removes the downloaded files, unless an earlier pull was told to keep them.</summary>
    public void Release() => Folder.Release();
}
