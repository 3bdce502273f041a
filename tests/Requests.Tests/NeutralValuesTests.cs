using System.Text.Json.Nodes;

namespace Brownian.Requests.Tests;

public sealed class NeutralValuesTests
{
    [Theory]
    [InlineData("true_cfg_scale", "1.00")]
    [InlineData("true_cfg_scale", "1e0")]
    [InlineData("aesthetic_score", "6")]
    [InlineData("aesthetic_score", "6.0")]
    [InlineData("negative_aesthetic_score", "25e-1")]
    [InlineData("guidance_interval", "[0.00, 1e0]")]
    [InlineData("controlnet_conditioning_scale", "[1.0]")]
    [InlineData("eta", "-0.0")]
    [InlineData("subseed", "\"0\"")]
    [InlineData("labels", "{ }")]
    public void A_neutral_value_is_recognized_in_any_spelling(string field, string json) =>
        Assert.True(RequestSchema.IsNeutral(field, JsonNode.Parse(json)!));

    [Theory]
    [InlineData("true_cfg_scale", "1.01")]
    [InlineData("true_cfg_scale", "\"1\"")]
    [InlineData("true_cfg_scale", "true")]
    [InlineData("aesthetic_score", "6.5")]
    [InlineData("guidance_interval", "[0]")]
    [InlineData("guidance_interval", "[0, null]")]
    [InlineData("guess_mode", "0")]
    [InlineData("prompt_syntax", "\"a1111\"")]
    [InlineData("labels", "{\"a\": \"b\"}")]
    [InlineData("width", "64")]
    public void Another_value_is_not_neutral(string field, string json) => Assert.False(RequestSchema.IsNeutral(field, JsonNode.Parse(json)!));

    [Fact]
    public void Numbers_made_by_a_program_are_compared_like_those_of_a_file()
    {
        Assert.True(RequestSchema.IsNeutral("clip_skip", JsonValue.Create(0L)));
        Assert.True(RequestSchema.IsNeutral("strength", JsonValue.Create(0.8)));
    }
}
