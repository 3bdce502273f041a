using System.Text.Json.Nodes;
using Brownian.Jobs.Records;
using Brownian.Requests.Schema;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Jobs.Tests.Records;

public sealed class StructJsonTests
{
    [Theory]
    [InlineData(0)]
    [InlineData((1UL << 53) - 1)]
    [InlineData(1UL << 53)]
    [InlineData((1UL << 53) + 1)]
    [InlineData((1UL << 53) + 2)]
    [InlineData(ulong.MaxValue)]
    public void A_whole_number_survives_the_message_and_its_json(ulong number) => AssertSurvives(number);

    [Fact]
    public void Any_whole_number_survives_the_message_and_its_json() => Gen.ULong.Sample(AssertSurvives);

    /// <summary>Both in the message and in the JSON that clients read and send again.</summary>
    private static void AssertSurvives(ulong number)
    {
        Struct message = StructJson.ToStruct(new JsonObject { ["seed"] = number, ["seeds"] = new JsonArray(number) });

        JsonObject wire = StructJson.ToJson(Struct.Parser.ParseFrom(message.ToByteArray()));
        JsonObject text = JsonNode.Parse(JsonFormatter.Default.Format(message))!.AsObject();

        foreach (JsonObject json in (JsonObject[])[wire, text])
        {
            Assert.Equal(number, JsonNumber.UInt64(json["seed"]!));
            Assert.Equal(number, JsonNumber.UInt64(json["seeds"]![0]!));
        }
    }
}
