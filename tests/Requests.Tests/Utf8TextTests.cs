using System.Text;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;

namespace Brownian.Requests.Tests;

public sealed class Utf8TextTests
{
    private const string Request = """{"prompt": "苹果 é", "seed": 7}""";

    private static readonly JsonObject Expected = JsonNode.Parse(Request)!.AsObject();

    [Fact]
    public void A_request_with_a_byte_order_mark_equals_the_request_without_it()
    {
        Assert.True(JsonNode.DeepEquals(Expected, RequestJson.Parse(Encoding.UTF8.GetBytes(Request))));
        Assert.True(JsonNode.DeepEquals(Expected, RequestJson.Parse((byte[])[0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Request)])));
    }

    [Theory]
    [InlineData("utf-16", "UTF-16")]
    [InlineData("utf-16BE", "UTF-16")]
    [InlineData("utf-32", "UTF-32")]
    [InlineData("utf-32BE", "UTF-32")]
    public void A_text_of_another_unicode_encoding_is_refused_with_the_encoding(string encoding, string name)
    {
        Encoding other = Encoding.GetEncoding(encoding);
        AssertRefused([.. other.GetPreamble(), .. other.GetBytes(Request)], $"is {name} text; allowed: UTF-8");
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    public void UTF_16_without_a_byte_order_mark_is_refused_with_the_encoding(string encoding) =>
        AssertRefused(Encoding.GetEncoding(encoding).GetBytes(Request), "is UTF-16 text; allowed: UTF-8");

    [Fact]
    public void A_byte_that_is_not_UTF_8_is_refused_with_its_position() =>
        AssertRefused([.. Encoding.Latin1.GetBytes("{\n \"prompt\": \"caf\u00E9\"}")], "is not valid UTF-8: the byte 0xE9 in line 2, position 16");

    [Fact]
    public void A_text_that_ends_within_a_character_is_refused() =>
        Assert.Contains(
            "0xE2", Assert.Throws<InvalidDataException>(() => Utf8Text.Checked(new byte[] { 0x61, 0xE2, 0x82 })).Message, StringComparison.Ordinal);

    [Fact]
    public void Half_of_a_surrogate_pair_is_refused_with_its_field() =>
        AssertRefused(Encoding.ASCII.GetBytes("""{"prompt": "\ud800"}"""), "unpaired surrogate", "prompt");

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(5000, false)]
    public void JSON_nested_beyond_the_limit_is_refused_with_the_limit(int levels, bool isRead)
    {
        byte[] json = Encoding.ASCII.GetBytes($$"""{"a": {{new string('[', levels - 1)}}{{new string(']', levels - 1)}}}""");
        if (isRead)
        {
            Assert.NotNull(RequestJson.Parse(json));
            return;
        }
        AssertRefused(json, "is nested too deeply; allowed: up to 64 levels, exceeded in line 1, position 70");
    }

    [Fact]
    public void A_syntax_error_before_too_deep_nesting_is_refused_as_invalid_JSON() =>
        AssertRefused(Encoding.ASCII.GetBytes("{\"a\" 1, \"b\": " + new string('[', 100)), "is not valid JSON: line 1");

    private static void AssertRefused(byte[] json, string says, string field = "request")
    {
        FieldFault fault = Assert.Single(Assert.Throws<FieldFaultException>(() => RequestJson.Parse(json)).Faults);
        Assert.Equal(field, fault.Field);
        Assert.Contains(says, fault.Message, StringComparison.Ordinal);
    }
}
