using Brownian.Cli.Output;

namespace Brownian.Cli.Tests;

/// <summary>The files of images.</summary>
public sealed class ImageFilesTests
{
    [Fact]
    public void Files_of_one_folder_are_written_at_once()
    {
        using var folder = new TemporaryFolder();

        Parallel.For(0, 200, i => ImageFiles.Write(folder.Combine($"{i}.png"), [(byte)i]));

        Assert.All(Enumerable.Range(0, 200), i => Assert.Equal([(byte)i], File.ReadAllBytes(folder.Combine($"{i}.png"))));
        Assert.Equal(200, Directory.GetFiles(folder.FullPath).Length);
    }
}
