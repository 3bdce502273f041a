using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Models.Tests;

/// <summary>Requests that are valid and whose images disappoint, with the shipped model unless another is named.</summary>
public sealed class RequestWarningsTests
{
    /// <summary>
    /// The names that draw noise with the shipped model: each was run with the seed 7, and its image looked at.
    /// </summary>
    private static readonly string[] Noise =
    [
        "cm", "ddim_inverse", "dpm++_inverse", "edm_dpm++_2m", "edm_euler", "flow_euler", "flow_heun", "flow_map_euler", "ipndm", "sde_ve",
    ];

    [Fact]
    public void Exactly_the_schedulers_that_draw_noise_are_warned_of()
    {
        // unCLIP's is refused with this model.
        string[] warned =
        [
            .. SchedulerCatalog.Names.Select(name => name.Name).Where(name => name != "unclip")
                .Where(name => WarningsOf($"{{\"prompt\": \"x\", \"scheduler\": \"{name}\"}}").Length > 0).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(Noise, warned);
    }

    [Theory]
    [InlineData("tiny-sd3", "ddim", "DDIMScheduler is for models that remove noise of a trained schedule, which tiny-sd3 is not")]
    [InlineData("tiny-sd3", "flow_heun", null)]
    [InlineData("tiny-lcm", "euler", null)]
    [InlineData("tiny-sd15", "lcm", null)]
    [InlineData("tiny-sd15", "flow_euler", "\"brownian schedulers list\" names those for models that remove noise of a trained schedule")]
    public void A_scheduler_is_compared_with_that_of_the_model(string model, string scheduler, string? says)
    {
        string[] warnings = WarningsOf($"{{\"prompt\": \"x\", \"scheduler\": \"{scheduler}\"}}", Golden(model));
        Assert.Equal(says is null ? 0 : 1, warnings.Length);
        Assert.All(warnings, warning => Assert.Contains(says!, warning, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{\"prompt\": \"(red:1.2) apple\"}", "prompt: \"(red:1.2)\" is read as text; prompt_syntax a1111 (--prompt-syntax a1111) reads it")]
    [InlineData("{\"prompt\": \"apple\", \"negative_prompt\": \"((blur))\"}", "negative_prompt: \"((blur))\" is read as text")]
    [InlineData("{\"prompt\": \"apple <lora:ink:0.8>\"}", "a LoRA is given by loras (--lora NAME:WEIGHT)")]
    [InlineData("{\"prompt\": \"(red:1.2) apple\", \"prompt_syntax\": \"a1111\"}", null)]
    [InlineData("{\"prompt\": \"<lora:ink:1> apple\", \"prompt_syntax\": \"a1111\"}", "a LoRA is given by loras (--lora NAME:WEIGHT)")]
    [InlineData("{\"prompt\": \"apple\", \"subseed\": 5}", "subseed has no effect: subseed_strength is 0")]
    [InlineData("{\"prompt\": \"apple (red), at 10:30 (see 2)\"}", null)]
    [InlineData("{\"prompt\": \"apple\", \"width\": 128, \"height\": 128}", "128x128 is far from the 64x64 that emoji is made for; larger images")]
    [InlineData("{\"prompt\": \"apple\", \"width\": 32, \"height\": 32}", "smaller images are often unrecognisable")]
    [InlineData("{\"prompt\": \"apple\", \"width\": 96, \"height\": 64}", null)]
    [InlineData("{\"prompt\": \"apple\", \"guidance_scale\": 20}", "guidance_scale: 20 is far above the 2.5 that emoji is used with")]
    [InlineData("{\"prompt\": \"apple\", \"guidance_scale\": 7}", null)]
    [InlineData("{\"prompt\": \"apple\", \"guidance_scale\": 1, \"negative_prompt\": \"pear\"}", "negative_prompt has no effect")]
    public void A_request_that_disappoints_is_warned_of_in_one_sentence(string request, string? says)
    {
        string[] warnings = WarningsOf(request);
        Assert.Equal(says is null ? 0 : 1, warnings.Length);
        Assert.All(warnings, warning => Assert.Contains(says!, warning, StringComparison.Ordinal));
    }

    [Fact]
    public void A_prompt_without_end_is_read_in_linear_time()
    {
        // With backtracking, each colon would be tried as the begin of a weight.
        string prompt = "(" + string.Concat(Enumerable.Repeat(": 1 ", 7000));
        Assert.Empty(WarningsOf(new JsonObject { ["prompt"] = prompt }.ToJsonString()));
    }

    private static string Golden(string model) => Repository.Combine("tests", "Golden.Tests", "Data", "models", model);

    private static string[] WarningsOf(string request, string? folder = null)
    {
        var model = ModelFolder.Open(folder ?? Repository.Combine("models", "emoji"));
        ModelCard card = ModelFamilies.CardOf(model, ModelFamilies.Read(model));
        return [.. ModelFamilies.Resolve(RequestReader.Read(JsonNode.Parse(request)!.AsObject()), card).Warnings];
    }
}
