using Brownian.Hosting;
using Brownian.Testing.Processes;

namespace Brownian.Gateway.Tests.OpenAi;

/// <summary>A gateway with a model without weights, and a project of Node.js with OpenAI's SDK.</summary>
public sealed class OpenAiNode() : NodeProject(Repository.Combine("tests", "Gateway.Tests", "OpenAi", "npm"))
{
    private readonly Stubs _stubs = new();

    /// <summary>The folder of models with encoders.</summary>
    internal static string TinyModels { get; } = Repository.Combine("tests", "Golden.Tests", "Data", "models");

    /// <summary>The model's name.</summary>
    internal string Model { get; private set; } = "";

    /// <summary>A model that takes images.</summary>
    internal const string Editor = "tiny-sd15";

    internal Node Node { get; private set; } = null!;

    /// <summary>The base address for SDKs.</summary>
    internal Uri Address => new(Node.Http.BaseAddress!, "openai/v1");

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Model = _stubs.Add();
        Node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. _stubs.Settings(Model, Editor), "ModelFolders:1=" + TinyModels, "Ephemeral=true", $"OpenAiModels:gpt-image-1={Model}",
                "ProgressSeconds=0",
            ]);
    }

    /// <summary>The file that the same request gives in process.</summary>
    internal async Task<byte[]> ExpectedAsync(Brownian.V1.GenerateRequest request) => (await _stubs.ExpectedAsync(request))[0];

    public override async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        _stubs.Dispose();
        await base.DisposeAsync();
    }
}
