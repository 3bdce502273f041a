using Brownian.Inference.Tests.Models;

namespace Brownian.Program.Tests;

/// <summary>A small diffusion upscaler and a convolutional one, served and in a folder.</summary>
public sealed class ServedUpscalers : IAsyncLifetime
{
    /// <summary>The diffusion upscaler: latents of the image's size, four times as large.</summary>
    public const string Diffusion = "tiny-x4-upscaler";

    /// <summary>The convolutional upscaler.</summary>
    public const string Convolutional = "conv-2x";

    private readonly TemporaryFolder _folder = new();
    private readonly ServedProgram _server;

    public ServedUpscalers()
    {
        Directory.CreateSymbolicLink(
            Path.Combine(_folder.FullPath, Diffusion), Repository.Combine("tests", "Golden.Tests", "Data", "models", Diffusion));
        new StubUpscaler().Save(_folder.Combine(Convolutional));
        _server = new ServedProgram(["--models", Folder, "--model", Diffusion, "--model", Convolutional]);
    }

    /// <summary>The folder of both models.</summary>
    public string Folder => _folder.FullPath;

    /// <summary>The gateway's gRPC address.</summary>
    public string Grpc => _server.Grpc;

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }
}
