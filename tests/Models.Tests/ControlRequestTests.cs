using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Models.Tests;

/// <summary>Requests with ControlNets, to a model that has two.</summary>
public sealed class ControlRequestTests
{
    private static readonly ModelCard Model = Card("tiny-sd15-controlnet");

    [Fact]
    public void A_models_card_names_its_ControlNets_in_order()
    {
        Assert.Equal(["controlnet", "controlnet_1"], Model.Facts.ControlNets);
        Assert.Empty(Card("tiny-sd15").Facts.ControlNets);
    }

    [Fact]
    public void ControlNet_folders_are_ordered_by_number_and_other_names_ignored()
    {
        using var folder = new Brownian.Tests.Programs.TemporaryFolder();
        foreach (string name in (string[])["controlnet_10", "controlnet_2", "controlnet", "controlnet_02", "controlnet_", "controlnet_x",
            "controlnet_0"])
        {
            Directory.CreateDirectory(folder.Combine(name));
            File.WriteAllBytes(folder.Combine(name, "model.onnx"), []);
        }
        Assert.Equal(["controlnet", "controlnet_2", "controlnet_10"], ModelFolder.Open(folder.FullPath).ControlNets.Select(net => net.Part));
    }

    [Theory]
    [InlineData("{\"control_image\": \"a\", "
        + "\"controlnets\": [\"controlnet\", \"controlnet_1\"]}", "control_image: \"1 images\" is not allowed; allowed: 2, one for each ControlNet")]
    [InlineData("{\"control_image\": [\"a\", \"b\", \"c\"]}", "control_image: \"3 images\" is not allowed; allowed: "
        + "up to 2, one for each ControlNet of the model")]
    [InlineData("{\"controlnets\": [\"controlnet\"], \"guess_mode\": true}", "controlnets: is not supported by the family Stable "
        + "Diffusion 1.x/2.x without a control_image", "guess_mode: is not supported")]
    [InlineData("{\"control_image\": \"a\", \"controlnet_conditioning_scale\": [1, 2]}", "controlnet_conditioning_scale: \"2 numbers\" is "
        + "not allowed; allowed: one for all, or 1")]
    [InlineData("{\"control_image\": \"a\", \"controlnet_conditioning_scale\": 11, \"control_guidance_end\": \"x\", "
        + "\"guess_mode\": 1, \"control_preprocess\": \"depth\"}",
        "controlnet_conditioning_scale: 11 is not allowed; allowed: 0..10", "control_guidance_end: \"x\" is not allowed; allowed: 0..1",
        "guess_mode: 1 is not allowed", "control_preprocess: \"depth\" is not allowed; allowed: none, canny")]
    [InlineData("{\"control_image\": \"a\", "
        + "\"control_guidance_start\": 0.5, \"control_guidance_end\": 0.5}",
        "control_guidance_start: 0.5 is not allowed; allowed: below control_guidance_end, 0.5")]
    [InlineData("{\"control_image\": [\"a\", \"b\"], \"control_guidance_start\": "
        + "[0, 0.8], \"control_guidance_end\": 0.7}", "control_guidance_start: 0.8 is not allowed; allowed: below control_guidance_end, 0.7")]
    [InlineData("{\"control_image\": [\"a\", 1]}", "control_image[1]: 1 is not allowed; allowed: text")]
    [InlineData("{\"control_image\": [1,2,3,4,5,6,7,8,9]}", "control_image: [1,2,3,4,5,6,7,8,9] is not allowed; "
        + "allowed: text, or a list of up to 8 texts")]
    public void Every_fault_of_ControlNet_fields_is_named(string json, params string[] says)
    {
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => Resolve(Model, json));
        Assert.All(says, fault => Assert.Contains(fault, refused.Message, StringComparison.Ordinal));
        Assert.Equal(says.Length, refused.Faults.Count);
    }

    [Fact]
    public void A_model_without_ControlNets_refuses_their_fields_except_neutral_values()
    {
        FieldFaultException refused = Assert.Throws<FieldFaultException>(
            () => Resolve(Card("tiny-sd15"), "{\"control_image\": \"a\", \"control_guidance_start\": 0.1, \"control_preprocess\": \"canny\"}"));
        Assert.Equal(["control_image", "control_guidance_start", "control_preprocess"], refused.Faults.Select(fault => fault.Field));
        Assert.All(
            refused.Faults,
            fault => Assert.EndsWith(
                "with the model tiny-sd15, whose UNet does not take the outputs of ControlNets; import the model with --controlnet",
                fault.Message,
                StringComparison.Ordinal));
        // Neutral values are no fault.
        Resolve(
            Card("tiny-sd15"),
            "{\"control_image\": [], \"controlnets\": [], \"controlnet_conditioning_scale\": 1.0, "
                + "\"control_guidance_end\": [1], \"guess_mode\": false}");
    }

    [Fact]
    public void A_number_applies_to_all_ControlNets_and_a_list_to_each()
    {
        ResolvedRequest resolved = Resolve(
            Model,
            "{\"control_image\": [\"a\", \"b\"], \"controlnet_conditioning_scale\": [0.8, 0.5], \"control_guidance_end\": 0.6, "
                + "\"controlnets\": [\"controlnet_1\", \"controlnet\"]}");
        Assert.Equal(
            [("controlnet_1", "a", 0.8, 0.0, 0.6), ("controlnet", "b", 0.5, 0.0, 0.6)],
            resolved.Controls.Select(control => (control.Net.Name, control.Image, control.Scale, control.Start, control.End)));
        // The size is the first image's, rounded down.
        Assert.Equal((96, 80), (resolved.Width, resolved.Height));
    }

    [Fact]
    public void A_resolved_request_with_ControlNets_means_the_same_request()
    {
        ResolvedRequest first = Resolve(
            Model,
            "{\"control_image\": \"a\", \"guess_mode\": true, \"controlnet_conditioning_scale\": 0.7, \"control_preprocess\": \"canny\", "
                + "\"control_guidance_start\": 0.2, \"scheduler\": \"euler\"}");
        ResolvedRequest again = Resolve(Model, first.ToJson().ToJsonString());
        Assert.Equal(first.Controls, again.Controls);
        Assert.Equal("canny", again.Controls.Single().Preprocess);
        Assert.Equal(first.ToJson().ToJsonString(), again.ToJson().ToJsonString());
    }

    private static ModelCard Card(string name)
    {
        ModelFolder folder = GoldenData.Model(name);
        ModelFacts facts = ModelFacts.Read(folder);
        // The layers of the graph.
        return ModelFamilies.CardOf(folder, facts with { ControlLayers = facts.ControlNets.Count > 0 ? [2, 2, 2, 3, 3] : [] });
    }

    private static ResolvedRequest Resolve(ModelCard model, string json)
    {
        JsonObject fields = JsonNode.Parse(json)!.AsObject();
        fields.TryAdd("prompt", "x");
        GenerationRequest request = RequestReader.Read(fields);
        return ModelFamilies.Resolve(
            request, new RequestImages { ControlImages = [.. request.ControlImages.Select(name => new RequestImage(name, 100, 85))] }, [model]);
    }
}
