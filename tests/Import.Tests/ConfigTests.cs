using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using CsCheck;

namespace Brownian.Import.Tests;

/// <summary>Configurations with any content.</summary>
public sealed class ConfigTests(Checkpoints checkpoints) : IDisposable
{
    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "1", "2", "3", "-1", "1.5", "1e30", "64", "4096", "\"\"", "\"silu\"", "\"DownBlock2D\"", "[]", "[1]", "[1, 2]",
        "[[1, 2], 1]", "[\"UpBlock2D\", \"UpBlock2D\"]", "{}", "[null, null]", "1048577", "1000000",
    ];

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("tiny-sdxl")]
    [InlineData("tiny-if")]
    [InlineData("tiny-karlo")]
    [InlineData("tiny-sd3")]
    [InlineData("tiny-flux-dev")]
    [InlineData("tiny-sd15-controlnet")]
    [InlineData("tiny-karlo-variation")]
    public void A_configuration_with_any_values_is_imported_or_refused_by_a_message(string model)
    {
        string source = _folder.Combine(model);
        Checkpoints.Copy(checkpoints.Folder(model), source);
        string[] files = [.. Directory.GetFiles(source, "config.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        var originals = files.ToDictionary(file => file, File.ReadAllText);
        Gen.Select(Gen.Int[0, files.Length - 1], Gen.Int[0, 1000], Gen.Int[0, Values.Length - 1]).Sample(
            change =>
            {
                (int number, int key, int value) = change;
                string file = files[number];
                JsonObject json = JsonNode.Parse(originals[file])!.AsObject();
                json[json.ElementAt(key % json.Count).Key] = JsonNode.Parse(Values[value]);
                File.WriteAllText(file, json.ToJsonString());
                try
                {
                    CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions())).Dispose();
                }
                catch (ModelException exception)
                {
                    Assert.Contains(Path.GetFileName(Path.GetDirectoryName(file)!), exception.Message, StringComparison.Ordinal);
                }
                finally
                {
                    File.WriteAllText(file, originals[file]);
                }
            },
            iter: 80,
            threads: 1);
    }

    public void Dispose() => _folder.Dispose();
}
