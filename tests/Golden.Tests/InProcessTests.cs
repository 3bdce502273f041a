using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Inference;
using Brownian.Models.Families;
using Brownian.Models.Metadata;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Golden.Tests;

/// <summary>Every case through the library.</summary>
public sealed class InProcessTests(LoadedModels models) : IClassFixture<LoadedModels>
{
    public static TheoryData<string> Cases => GoldenCase.Names;

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_request_gives_the_references_values_and_images(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        await GoldenRun.AssertAsync(golden, await models.GetAsync(golden.ModelFolders));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_resolved_request_and_an_images_settings_mean_the_same_request(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest original, RequestImages imaged, _) = await golden.ReadAsync();
        ResolvedRequest request = generator.Resolve(original, imaged);

        string plan = PlanOf(request);
        JsonObject whole = request.ToJson();
        Assert.Equal(plan, PlanOf(generator.Resolve(RequestReader.Read(whole), imaged)));

        if (original.Task == RequestTask.Preview)
        {
            return;
        }
        JsonObject settings = ImageMetadata.Read(Infotext.Write(request, request.Seeds[0])).Request;
        foreach (string file in (string[])["init_image", "mask", "init_latents", "control_image"])
        {
            settings[file] = whole[file]?.DeepClone();
        }
        settings["seeds"] = whole["seeds"]!.DeepClone();
        Assert.Equal(plan, PlanOf(generator.Resolve(RequestReader.Read(settings), imaged)));

        // Metadata that a file contains is compared by its parsed value.
        string PlanOf(ResolvedRequest resolved) =>
            JsonSerializer.Serialize(
                ModelFamilies.Plan(resolved, generator.Models).Stages.Where(stage => stage.Kind != StageKind.Write)
                    .Select(stage => stage with { Model = null }));
    }

    /// <summary>A client that fills in the reference's defaults also fills in those of fields that its model does not have.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Neutral_values_of_fields_that_a_model_does_not_have_change_nothing(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest original, RequestImages imaged, _) = await golden.ReadAsync();
        ResolvedRequest request = generator.Resolve(original, imaged);
        JsonObject whole = request.ToJson();
        string plan = PlanOf(whole);
        var filled = (JsonObject)whole.DeepClone();
        foreach (RequestField declared in RequestSchema.All.Where(declared => !whole.ContainsKey(declared.Name)))
        {
            string field = declared.Name;
            foreach (JsonNode value in declared.NeutralValues.OfType<JsonNode>())
            {
                var one = (JsonObject)whole.DeepClone();
                one[field] = value.DeepClone();
                try
                {
                    Assert.True(plan == PlanOf(one), $"{field}: {value.ToJsonString()}");
                }
                catch (FieldFaultException exception) when (
                    !exception.Message.Contains("is not supported by", StringComparison.Ordinal) && whole.ContainsKey(Instead(field)))
                {
                    continue;
                }
                filled[field] = value.DeepClone();
            }
        }
        Assert.Equal(plan, PlanOf(filled));

        // Fields of the model that another field of the request replaces.
        static string Instead(string field) => field switch
        {
            "steps" => "timesteps",
            "prompt" => "interpolate",
            "count" => "seeds",
            "strength" => "denoising_start",
            _ => "",
        };

        string PlanOf(JsonObject json)
        {
            ResolvedRequest resolved = generator.Resolve(RequestReader.Read(json), imaged);
            return JsonSerializer.Serialize(ModelFamilies.Plan(resolved, generator.Models).Stages.Where(stage => stage.Kind != StageKind.Write));
        }
    }

    [Theory]
    [InlineData("sd15-guidance-off", "negative_prompt has no effect: guidance_scale is 1; guidance requires a value above 1")]
    [InlineData("turbo-1-step", "negative_prompt has no effect: guidance_scale is 0; guidance requires a value above 1")]
    [InlineData("lcm-default", "negative_prompt has no effect: the model tiny-lcm is distilled and has no pass without the prompt")]
    [InlineData("flux-dev-default", "negative_prompt has no effect: true_cfg_scale is 1; guidance requires a value above 1")]
    [InlineData("sd15-default", null)]
    [InlineData("sd3-default", null)]
    [InlineData("refiner-handover-0.6", null)]
    public async Task A_negative_prompt_without_effect_produces_a_warning(string name, string? warning)
    {
        GoldenCase golden = GoldenCase.Read(name);
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest original, RequestImages imaged, Dictionary<string, ReadOnlyMemory<byte>> files) = await golden.ReadAsync();
        // Flux's images are made for 1024x1024, and those of the cases are smaller.
        IReadOnlyList<string> others = generator.Resolve(original with { NegativePrompt = "" }, imaged).Warnings;
        Assert.All(others, other => Assert.StartsWith("width and height: ", other, StringComparison.Ordinal));

        ResolvedRequest request = generator.Resolve(original with { NegativePrompt = "ugly" }, imaged);

        Assert.Equal(warning is null ? [] : [warning], request.Warnings.Except(others));
        var warnings = new List<string>();
        await generator.GenerateAsync(request, files, null, warnings.Add, TestContext.Current.CancellationToken)
            .FirstAsync(TestContext.Current.CancellationToken);
        Assert.Equal(request.Warnings, warnings);
    }
}
