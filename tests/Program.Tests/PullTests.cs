using System.Text.Json.Nodes;
using Brownian.Import.Tests;
using Brownian.Import.Tests.Hub;

namespace Brownian.Program.Tests;

/// <summary><c>brownian pull</c> in the way of a user, from a hub on loopback.</summary>
public sealed class PullTests : IDisposable
{
    private readonly Checkpoints _checkpoints = new();
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.Combine("brownian");

    [Fact]
    public async Task A_repository_becomes_a_model_and_its_files_are_removed_unless_they_are_kept()
    {
        HubServer server = await HubServer.StartAsync(_checkpoints.Folder("tiny-sd15"));
        (server.IsGated, server.Redirects, server.License) = (true, true, "creativeml-openrail-m");
        (string, string)[] hub = [("BROWNIAN_HUB", server.Address.ToString()), ("BROWNIAN_HUB_TOKEN", HubServer.Token), ("HF_TOKEN", "other")];
        string source = $"{HubServer.Repository}@{HubServer.Commit}";

        ProgramResult first = await RunAsync(hub, "pull", HubServer.Repository);

        Assert.True(first.ExitCode == 0, first.Error);
        Assert.Contains($"{source}: 12 files, ", first.Error, StringComparison.Ordinal);
        Assert.Contains("licence: creativeml-openrail-m, gated", first.Error, StringComparison.Ordinal);
        Assert.Contains("100 %", first.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(HubServer.Token, first.Error, StringComparison.Ordinal);
        Assert.Contains("Try it: brownian generate \"a red apple\" --model tiny -o apple.png", first.Error, StringComparison.Ordinal);
        JsonObject manifest = ManifestOf("tiny");
        Assert.Equal((source, "creativeml-openrail-m"), ((string?)manifest["source"], (string?)manifest["license"]));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Data, "pulled")));
        server.Requests.Clear();
        ProgramResult again = await RunAsync(hub, "pull", HubServer.Repository);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("exists already", again.Error, StringComparison.Ordinal);
        Assert.Empty(server.Requests);

        ProgramResult kept = await RunAsync(hub, "pull", HubServer.Repository, "--name", "kept", "--keep");
        await server.DisposeAsync();
        ProgramResult offline = await RunAsync([("BROWNIAN_OFFLINE", "1")], "pull", HubServer.Repository, "--name", "offline");
        ProgramResult other = await RunAsync([], "pull", HubServer.Repository, "--revision", "v2", "--name", "other", "--offline");
        ProgramResult pruned = await RunAsync([], "models", "prune", "--all");

        Assert.True(kept.ExitCode == 0, kept.Error);
        Assert.True(offline.ExitCode == 0, offline.Error);
        Assert.Equal((string?)manifest["fingerprint"], (string?)ManifestOf("offline")["fingerprint"]);
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("artist/tiny at v2 is not in ", other.Error, StringComparison.Ordinal);
        Assert.Contains(Path.Combine("pulled", "artist--tiny"), pruned.OutputText, StringComparison.Ordinal);
        Assert.Equal(
            ["kept", "offline", "tiny"],
            Directory.GetFileSystemEntries(Path.Combine(Data, "models")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_refused_pull_leaves_nothing_among_the_models()
    {
        await using HubServer server = await HubServer.StartAsync(_checkpoints.Folder("single-file"));
        (string, string)[] hub = [("BROWNIAN_HUB", server.Address.ToString()), ("HF_TOKEN", HubServer.Token)];

        ProgramResult several = await RunAsync(hub, "pull", HubServer.Repository);
        ProgramResult forFolder = await RunAsync(hub, "pull", HubServer.Repository, "--file", "tiny-sd15.safetensors", "--variant", "fp16");
        server.IsGated = true;
        ProgramResult gated = await RunAsync(hub, "pull", HubServer.Repository, "--file", "tiny-sd15.safetensors");

        Assert.Equal(1, several.ExitCode);
        Assert.Contains("name one by --file. It has tiny-sd15.safetensors (", several.Error, StringComparison.Ordinal);
        Assert.Equal(2, forFolder.ExitCode);
        Assert.Contains("--variant: is only for a diffusers folder", forFolder.Error, StringComparison.Ordinal);
        Assert.Equal(1, gated.ExitCode);
        // HF_TOKEN is Hugging Face's own, and goes to no other hub.
        Assert.Contains("is gated: accept its licence on ", gated.Error, StringComparison.Ordinal);
        Assert.All(server.Requests, request => Assert.Null(request.Authorization));
        Assert.False(Directory.Exists(Path.Combine(Data, "models")));
    }

    [Fact]
    public async Task All_wrong_options_are_named_together()
    {
        ProgramResult result = await RunAsync(
            [("BROWNIAN_HUB", "ftp://hub"), ("BROWNIAN_OFFLINE", "maybe")],
            "pull", "artist/tiny@main", "--revision", "a..b", "--file", "../up", "--prediction", "x0", "--name", ".hidden", "--vae", "nowhere");
        ProgramResult address = await RunAsync([], "pull", "http://example.org/model.safetensors", "--config", "nowhere");

        Assert.Equal(2, result.ExitCode);
        Assert.All(
            (string[])
            [
                "BROWNIAN_HUB: \"ftp://hub\" is not allowed; allowed: the https URL of a hub", "BROWNIAN_OFFLINE: \"maybe\" is not allowed",
                "--revision: \"a..b\" is not allowed", "--revision: is only for a repository that is named without a revision",
                "--file: \"../up\" is not allowed", "--prediction: \"x0\" is not allowed", "--name: \".hidden\" is not allowed",
                "--vae: \"nowhere\" is not allowed",
            ],
            fault => Assert.Contains(fault, result.Error, StringComparison.Ordinal));
        Assert.Equal(2, address.ExitCode);
        Assert.Contains(
            "SOURCE: \"http://example.org/model.safetensors\" is not allowed; allowed: OWNER/NAME, OWNER/NAME@REVISION, or an https URL",
            address.Error, StringComparison.Ordinal);
        Assert.Contains("--config: \"nowhere\" is not allowed", address.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _folder.Dispose();
    }

    private JsonObject ManifestOf(string model) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(Data, "models", model, "brownian.json")))!.AsObject();

    /// <summary>Runs the program with a user's folder of its own.</summary>
    private Task<ProgramResult> RunAsync((string Name, string Value)[] variables, params string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = arguments,
            Environment = variables.Append(("XDG_DATA_HOME", _folder.FullPath)).ToDictionary(pair => pair.Item1, pair => pair.Item2),
        });
}
