using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.V1;

namespace Brownian.Platform.Tests.Javascript;

/// <summary>A client in another language, generated from the protos alone.</summary>
/// <param name="node">The project in which the scripts run.</param>
public sealed partial class JavascriptTests(ExampleProject node) : IClassFixture<ExampleProject>
{
    private const string DefaultAddress = "127.0.0.1:5081";

    [Fact]
    public async Task A_script_streams_events_and_saves_the_image_of_an_undisturbed_run()
    {
        using var stubs = new Stubs();
        string model = stubs.Add();
        await using Node gateway = await StartAsync(stubs.Settings(model));
        GenerateRequest request = Stubs.Request(model, ulong.MaxValue);
        string json = new JsonObject
        {
            ["model"] = model,
            ["prompt"] = request.Prompt,
            ["negative_prompt"] = request.NegativePrompt,
            ["seeds"] = new JsonArray(ulong.MaxValue.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            ["steps"] = request.Steps,
            ["width"] = request.Width,
            ["height"] = request.Height,
            ["guidance_scale"] = request.GuidanceScale,
        }.ToJsonString();

        (int exitCode, string output, string error) = await node.RunAsync("node", "generate.js", AddressOf(gateway), "protos", json, "stub.png");

        Assert.True(exitCode == 0, output + error);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal("0 snapshot", lines[0]);
        Assert.EndsWith(" done", lines[^1], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.EndsWith("progress denoise 4/4", StringComparison.Ordinal));
        Assert.Equal(
            (await stubs.ExpectedAsync(request))[0], await File.ReadAllBytesAsync(node.Combine("stub.png"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_script_with_an_invalid_request_receives_every_fault_with_its_field()
    {
        using var stubs = new Stubs();
        string model = stubs.Add();
        await using Node gateway = await StartAsync(stubs.Settings(model));

        (int exitCode, string output, string error) = await node.RunAsync(
            "node", "generate.js", AddressOf(gateway), "protos", $$"""{"model": "{{model}}", "prompt": "ab", "steps": 10001, "guidance_scale": -1}""",
            "none.png");

        Assert.Equal((1, ""), (exitCode, output));
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("INVALID_ARGUMENT ", lines[0], StringComparison.Ordinal);
        Assert.Equal(["guidance_scale", "steps"], lines.Skip(1).Select(line => line.Split(':')[0]).Order(StringComparer.Ordinal));
        Assert.False(File.Exists(node.Combine("none.png")));
    }

    [Fact]
    public async Task The_example_of_the_readme_draws_an_apple()
    {
        string example = JavascriptBlock().Match(Repository.Read("README.md")).Groups["code"].Value;
        Assert.Contains(DefaultAddress, example, StringComparison.Ordinal);
        await using Node gateway = await StartAsync(["ModelFolders:0=" + Repository.Combine("models")]);
        await File.WriteAllTextAsync(
            node.Combine("apple.js"), example.Replace(DefaultAddress, AddressOf(gateway), StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        (int exitCode, string output, string error) = await node.RunAsync("node", "apple.js");

        Assert.True(exitCode == 0, output + error);
        Assert.EndsWith("done", output.TrimEnd(), StringComparison.Ordinal);
        byte[] image = await File.ReadAllBytesAsync(node.Combine("apple.png"), TestContext.Current.CancellationToken);
        Assert.True(image.AsSpan(1).StartsWith("PNG"u8), "it is no PNG");
    }

    private static Task<Node> StartAsync(IEnumerable<string> settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. settings, "Ephemeral=true"]);

    private static string AddressOf(Node gateway) => new Uri(gateway.GrpcAddress).Authority;

    [GeneratedRegex("```js\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex JavascriptBlock();
}
