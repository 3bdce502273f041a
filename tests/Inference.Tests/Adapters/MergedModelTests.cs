using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>Whole models, written out with a LoRA merged in.</summary>
public sealed class MergedModelTests
{
    [Theory]
    [InlineData("lora-sd15-peft-1.0")]
    [InlineData("lora-sd15-alpha-in-metadata")]
    [InlineData("lora-sd15-kohya")]
    [InlineData("lora-sd15-two")]
    [InlineData("lora-sd15-text-encoder")]
    public async Task A_merged_model_gives_the_references_latents(string name)
    {
        JsonObject golden = GoldenData.Case(name);
        AdapterSet adapters = GoldenData.Adapters(golden);
        using var folder = new TemporaryFolder();
        string source = GoldenData.Model("tiny-sd15").FolderPath;
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string target = folder.Combine(Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        foreach ((string part, GraphWeights weights) in GoldenData.Weights("tiny-sd15"))
        {
            using PatchedGraph patched = adapters.Patch(part, weights);
            File.WriteAllBytes(folder.Combine(part, "model.onnx"), patched.Bytes);
        }
        JsonObject request = golden["request"]!.DeepClone().AsObject();
        request.Remove("loras");
        request["task"] = "text-to-image";
        request["model"] = folder.FullPath;
        using ImageGenerator generator =
            await ImageGenerator.LoadAsync(ModelFolder.Open(folder.FullPath), new SessionSettings(Threads: 1), TestContext.Current.CancellationToken);
        ResolvedRequest resolved = generator.Resolve(RequestReader.Read(request));
        int images = 0;
        await foreach (GeneratedImage image in generator.GenerateAsync(resolved, null, TestContext.Current.CancellationToken))
        {
            Tensor expected = GoldenData.Expected(name, "final_latents");
            float[] actual = image.Denoised.Latents.Values;
            Assert.Equal(expected.Values.Length, actual.Length);
            Assert.InRange(expected.Values.Zip(actual, (one, other) => Math.Abs(one - other)).Max(), 0, 2e-3f);
            images++;
        }
        Assert.Equal(1, images);
    }
}
