using System.Formats.Tar;
using System.IO.Compression;
using Brownian.Hosting;

namespace Brownian.Upgrade.Tests;

/// <summary>Everything in one process, with the data folder of a process that was killed.</summary>
public sealed class OneProcessInstallation() : Installation("one-process")
{
    private readonly TemporaryFolder _data = new();

    public override async ValueTask InitializeAsync()
    {
        await using (FileStream file = File.OpenRead(Saved.PathOf("folder.tar.gz")))
        {
            await using var unpacked = new GZipStream(file, CompressionMode.Decompress);
            await TarFile.ExtractToDirectoryAsync(unpacked, _data.FullPath, overwriteFiles: false);
        }
        // Uploads expire by the time of their file. The one that no job names lives one day, so that it has always expired by now.
        File.SetLastWriteTimeUtc(_data.Combine("artifacts", "mortal", Saved.Uploads[^1].Id), DateTime.UnixEpoch.AddYears(50));
        Gateway = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. Settings, "DataFolder=" + _data.FullPath]);
    }

    public override async ValueTask DisposeAsync()
    {
        // After a failed start it is missing; its error must not be replaced by another.
        await (Gateway?.DisposeAsync() ?? ValueTask.CompletedTask);
        _data.Dispose();
    }
}
