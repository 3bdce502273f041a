using System.Net.Http.Json;
using Brownian.Hosting;
using Brownian.Testing.Processes;

namespace Brownian.Gateway.Tests.A1111;

/// <summary>
/// A gateway that requires keys, with a model and an upscaler without weights, and a project of Node.js with a client of the other API.
/// </summary>
public sealed class A1111Node() : NodeProject(Repository.Combine("tests", "Gateway.Tests", "A1111", "npm"))
{
    private readonly Stubs _stubs = new();

    /// <summary>The model's name.</summary>
    internal string Model { get; private set; } = "";

    /// <summary>The upscaler's name.</summary>
    internal string Upscaler { get; private set; } = "";

    /// <summary>A model that takes images.</summary>
    internal const string Editor = "tiny-sd15";

    internal Node Node { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Model = _stubs.Add();
        Upscaler = _stubs.AddUpscaler();
        Node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. _stubs.Settings(Model, Upscaler, Editor), "ModelFolders:1=" + OpenAi.OpenAiNode.TinyModels, .. Node.Secured, "Ephemeral=true",
                "ProgressSeconds=0",
            ]);
        using HttpResponseMessage set = await Node.Http.PostAsJsonAsync("/sdapi/v1/options", new { sd_model_checkpoint = Model });
        set.EnsureSuccessStatusCode();
    }

    /// <summary>The files that a request gives in process.</summary>
    internal Task<byte[][]> ExpectedAsync(Brownian.V1.GenerateRequest request) => _stubs.ExpectedAsync(request);

    public override async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        _stubs.Dispose();
        await base.DisposeAsync();
    }
}
