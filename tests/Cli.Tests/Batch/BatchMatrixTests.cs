using Brownian.Cli.Batch;

namespace Brownian.Cli.Tests.Batch;

/// <summary>Every combination of the values of fields.</summary>
public sealed class BatchMatrixTests
{
    [Fact]
    public void Every_combination_is_a_request_and_the_last_field_changes_fastest()
    {
        BatchMatrix matrix = Read([], "seed=1..2,guidance_scale=3,5.5,7");

        Assert.Equal(3, matrix.Columns);
        BatchItem[] items = [.. matrix.Combine(new BatchItem("", new() { ["prompt"] = "a" }, "a"))];
        Assert.Equal(
            [
                """{"prompt":"a","seed":1,"guidance_scale":3}""", """{"prompt":"a","seed":1,"guidance_scale":5.5}""",
                """{"prompt":"a","seed":1,"guidance_scale":7}""", """{"prompt":"a","seed":2,"guidance_scale":3}""",
                """{"prompt":"a","seed":2,"guidance_scale":5.5}""", """{"prompt":"a","seed":2,"guidance_scale":7}""",
            ],
            items.Select(item => item.Fields.ToJsonString()));
        Assert.Equal("a, seed=1, guidance_scale=5.5", items[1].Label);
    }

    [Fact]
    public void Values_are_texts_names_lists_of_JSON_and_parts_of_objects()
    {
        BatchMatrix matrix = Read([], "scheduler=euler,ddim", """prompt=["a, b","c"]""", "output.quality=10,20");

        BatchItem[] items = [.. matrix.Combine(new BatchItem("", [], ""))];

        Assert.Equal(8, items.Length);
        Assert.Equal("""{"scheduler":"euler","prompt":"a, b","output":{"quality":10}}""", items[0].Fields.ToJsonString());
        Assert.Equal("""{"scheduler":"ddim","prompt":"c","output":{"quality":20}}""", items[7].Fields.ToJsonString());
    }

    [Fact]
    public void A_seed_replaces_the_seeds_of_the_request()
    {
        var item = new BatchItem("", new() { ["seeds"] = new System.Text.Json.Nodes.JsonArray(1, 2) }, "");

        Assert.Equal("""{"seed":3}""", Read([], "seed=3").Combine(item).Single().Fields.ToJsonString());
    }

    [Theory]
    [InlineData("3,4", "--matrix: \"3,4\" is not allowed; allowed: FIELD=VALUE")]
    [InlineData("", "--matrix: \"\" is not allowed")]
    [InlineData("seed=", "--matrix: \"seed=\" is not allowed")]
    [InlineData("seed=1,,2", "--matrix: \"seed=1,,2\" is not allowed")]
    [InlineData("seed=[1", "--matrix: \"seed=[1\" is not allowed")]
    [InlineData("seed=4..1", "--matrix: \"seed=4..1\" is not allowed; allowed: FIRST..LAST, rising")]
    [InlineData("stepz=4", "--matrix: stepz is not a field of a request (did you mean steps?)")]
    [InlineData("cfg_scale=4", "--matrix: cfg_scale is not a field of a request (did you mean guidance_scale?)")]
    [InlineData("seed=1,seed=2", "--matrix: seed is given twice")]
    [InlineData("seed=1..1000,steps=1..1000", "--matrix: has more than 100000 combinations")]
    public void Other_text_is_refused(string text, string says)
    {
        var faults = new List<FieldFault>();

        Read(faults, text);

        Assert.StartsWith(says, string.Join("; ", faults), StringComparison.Ordinal);
    }

    private static BatchMatrix Read(List<FieldFault> faults, params string[] options) => BatchMatrix.Parse(options, faults);
}
