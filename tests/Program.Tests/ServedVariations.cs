namespace Brownian.Program.Tests;

/// <summary>The shipped model, and a small one that makes variations of images, served.</summary>
public sealed class ServedVariations : IAsyncLifetime
{
    /// <summary>A model of the family unCLIP whose decoder starts from an image.</summary>
    public const string Model = "tiny-karlo-variation";

    private readonly ServedProgram _server = new(["--models", Folder, "--model", Model, "--model", "emoji"]);

    /// <summary>The folder of the small models.</summary>
    public static string Folder => Repository.Combine("tests", "Golden.Tests", "Data", "models");

    /// <summary>The gateway's gRPC address.</summary>
    public string Grpc => _server.Grpc;

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
