using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Import.Hub;
using CsCheck;

namespace Brownian.Import.Tests.Hub;

/// <summary>Which files of a repository are needed, for repositories of any content.</summary>
public sealed class PullPlanTests
{
    private static readonly string[] Parts =
        ["", "unet/", "vae/", "text_encoder/", "tokenizer/", "scheduler/", "safety_checker/", "../", "unet/../", "/", "unet\\"];

    private static readonly string[] Names =
    [
        "model_index.json", "config.json", "README.md", "scheduler_config.json", "vocab.json", "merges.txt", "model.safetensors",
        "model.fp16.safetensors", "pytorch_model.bin", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.fp16.bin",
        "diffusion_pytorch_model.safetensors.index.fp16.json", "diffusion_pytorch_model.fp16.safetensors.index.json",
        "diffusion_pytorch_model-00001-of-00002.safetensors", "diffusion_pytorch_model-00002-of-00002.safetensors",
        "diffusion_pytorch_model.fp16-00001-of-00001.safetensors", "model.onnx", "flax_model.msgpack", "tf_model.h5", "all.safetensors", "all.ckpt",
        "..", ".", "",
    ];

    private static readonly string[][] Shards =
    [
        ["diffusion_pytorch_model-00001-of-00002.safetensors", "diffusion_pytorch_model-00002-of-00002.safetensors"],
        ["diffusion_pytorch_model.fp16-00001-of-00001.safetensors"],
        ["../diffusion_pytorch_model-00001-of-00002.safetensors"],
        [],
    ];

    [Fact]
    public void A_plan_has_at_most_one_set_of_weights_of_a_part_and_no_path_outside_of_the_repository()
    {
        int complete = 0;
        Gen.Select(
            Gen.Select(Gen.Int[0, Parts.Length + 20], Gen.Int[0, Names.Length - 1]).Array[0, 40],
            Gen.Int[0, Shards.Length + 4],
            Gen.Int[0, 2]).Sample(
            (files, shards, choice) =>
            {
                // Most of the folders are those of a model.
                string[] paths =
                    [.. files.Select(file => Parts[file.Item1 < Parts.Length ? file.Item1 : file.Item1 % 6] + Names[file.Item2]).Distinct()];
                string? variant = choice == 1 ? "fp16" : null, single = choice == 2 && paths.Length > 0 ? paths[0] : null;
                PullPlan plan;
                try
                {
                    plan = PullPlan.Of(
                        Snapshot(paths), variant, single,
                        path => path == "model_index.json" ? Index("unet", "vae", "text_encoder", "tokenizer", "scheduler", "safety_checker")
                            : path == "config.json" ? JsonNode.Parse("""{ "_class_name": "AutoencoderKL" }""")!.AsObject()
                            : Map(Shards[shards % Shards.Length]));
                }
                catch (ModelException)
                {
                    return;
                }
                Interlocked.Increment(ref complete);
                string[] needed = [.. plan.Files.Select(file => file.Path)];
                Assert.True(plan.IsComplete);
                Assert.Equal(needed.Distinct(), needed);
                Assert.Subset(paths.ToHashSet(), needed.ToHashSet());
                Assert.All(needed, path => Assert.True(HubFile.IsSafe(path), path));
                if (plan.SingleFile is { } only)
                {
                    Assert.Equal([only], needed);
                    return;
                }
                Assert.DoesNotContain(needed, path => path.StartsWith("safety_checker/", StringComparison.Ordinal)
                    || Path.GetExtension(path) is ".onnx" or ".msgpack" or ".h5" or ".ckpt");
                Assert.All(needed.GroupBy(path => Path.GetDirectoryName(path)), part =>
                {
                    string[] sets = [.. part.Where(path => path.Contains(".index.", StringComparison.Ordinal) || IsWhole(path))];
                    string[] pieces = [.. part.Where(path => path.Contains("-of-", StringComparison.Ordinal)).Select(path => Path.GetFileName(path))];
                    Assert.InRange(sets.Length, 0, 1);
                    Assert.True(sets.Any(path => path.Contains(".index.", StringComparison.Ordinal))
                        ? Shards[shards % Shards.Length].SequenceEqual(pieces) : pieces.Length == 0);
                });
            },
            iter: 5000);
        // The property is not about refusals.
        Assert.True(complete > 500, $"{complete}");

        static bool IsWhole(string path) =>
            Path.GetExtension(path) is ".safetensors" or ".bin" && !path.Contains("-of-", StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_is_not_complete_while_files_that_name_others_are_not_read()
    {
        HubSnapshot snapshot = Snapshot(
            "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors.index.json",
            "unet/diffusion_pytorch_model-00001-of-00001.safetensors", "README.md");
        var read = new Dictionary<string, JsonObject>(StringComparer.Ordinal);

        Assert.Equal(["model_index.json"], Unread());
        read["model_index.json"] = Index("unet");
        Assert.Equal(["unet/diffusion_pytorch_model.safetensors.index.json"], Unread());
        read["unet/diffusion_pytorch_model.safetensors.index.json"] = Map(["diffusion_pytorch_model-00001-of-00001.safetensors"]);
        Assert.Empty(Unread());
        Assert.Equal(snapshot.Files.Select(file => file.Path).Order(StringComparer.Ordinal), Plan().Files.Select(file => file.Path));
        read["unet/diffusion_pytorch_model.safetensors.index.json"] = Map(["other.safetensors"]);
        Assert.Contains(
            "names other.safetensors, which the repository does not have", Assert.Throws<ModelException>(() => Plan()).Message,
            StringComparison.Ordinal);

        PullPlan Plan() => PullPlan.Of(snapshot, null, null, path => read.GetValueOrDefault(path));

        IEnumerable<string> Unread() => Plan().Unread.Select(file => file.Path);
    }

    [Theory]
    [InlineData("\"mit\"", "mit")]
    [InlineData("[\"mit\", \"apache-2.0\"]", "mit, apache-2.0")]
    [InlineData("\"other\", \"license_name\": \"own-terms\"", "own-terms")]
    [InlineData("\"other\"", "other")]
    [InlineData("\"a\\u001b[31mb\"", "a[31mb")]
    [InlineData("null", null)]
    [InlineData("3", null)]
    public void A_licence_is_read_from_the_card(string license, string? expected) => Assert.Equal(
        expected,
        HubSnapshot.Parse(
            HubServer.Repository,
            Encoding.UTF8.GetBytes($$"""{ "sha": "{{HubServer.Commit}}", "siblings": [], "cardData": { "license": {{license}} } }""")).License);

    private static HubSnapshot Snapshot(params string[] paths) => HubSnapshot.Parse(
        HubServer.Repository,
        Encoding.UTF8.GetBytes(new JsonObject
        {
            ["sha"] = HubServer.Commit,
            ["siblings"] = new JsonArray(
                [.. paths.Where(HubFile.IsSafe).Select(path => new JsonObject { ["rfilename"] = path, ["size"] = 1, ["blobId"] = null })]),
        }.ToJsonString()));

    private static JsonObject Index(params string[] parts) =>
        new(parts.Select(part => KeyValuePair.Create<string, JsonNode?>(part, new JsonArray("diffusers", "X"))));

    private static JsonObject Map(string[] shards) => new()
    {
        ["weight_map"] = new JsonObject(shards.Select((shard, i) => KeyValuePair.Create<string, JsonNode?>($"tensor{i}", shard))),
    };
}
