using Brownian.Cli.Batch;

namespace Brownian.Cli.Tests.Batch;

/// <summary>Files of requests.</summary>
public sealed class BatchFileTests
{
    [Theory]
    [InlineData("a.txt", "red apple, flat\n\n  owl \n", """{"prompt":"red apple, flat"}|{"prompt":"owl"}""", "a.txt:1: |a.txt:3: ")]
    [InlineData("a", "owl\n", """{"prompt":"owl"}""", "a:1: ")]
    [InlineData("a.jsonl", "{\"prompt\": \"a\"}\n\n{\"steps\": 3}\n", """{"prompt":"a"}|{"steps":3}""", "a.jsonl:1: |a.jsonl:3: ")]
    [InlineData("a", "{\"prompt\": \"a\"}\n", """{"prompt":"a"}""", "a:1: ")]
    [InlineData(
        "a.csv", "prompt,seed,scheduler,output.format\n\"a, b\",7,euler,jpeg\nc,,,\n",
        """{"prompt":"a, b","seed":7,"scheduler":"euler","output":{"format":"jpeg"}}|{"prompt":"c"}""", "a.csv:2: |a.csv:3: ")]
    [InlineData("a.csv", "prompt,seeds\n42,\"[1, 2]\"\n", """{"prompt":"42","seeds":[1,2]}""", "a.csv:2: ")]
    public void Each_line_is_a_request(string name, string text, string requests, string where)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.Combine(name), text);
        var faults = new List<FieldFault>();

        IReadOnlyList<BatchItem> items = BatchFile.Read(folder.Combine(name), faults);

        Assert.Empty(faults);
        Assert.Equal(requests, string.Join('|', items.Select(item => item.Fields.ToJsonString())));
        Assert.Equal(where, string.Join('|', items.Select(item => item.Where)));
    }

    [Theory]
    [InlineData("a.txt", "", "--from-file: a.txt has no request; allowed: one on each line")]
    [InlineData(
        "a.jsonl", "{\"prompt\": }\n[1]\n",
        "a.jsonl:1: request: is not valid JSON: line 1, position 12; a.jsonl:2: request: is a JSON array")]
    [InlineData("a.jsonl", "{\"prompt\": \"a\", \"prompt\": \"b\"}", "a.jsonl:1: prompt: is given twice")]
    [InlineData("a.csv", "prompt,sed\na,1\nb\n", "a.csv:1: sed: is not a field of a request (did you mean seed?); a.csv:3: has 1 cells; allowed: 2")]
    [InlineData("a.csv", "prompt,prompt\na,1\n", "a.csv:1: prompt: is given twice")]
    public void A_fault_names_its_line(string name, string text, string says)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.Combine(name), text);
        var faults = new List<FieldFault>();

        BatchFile.Read(folder.Combine(name), faults);

        Assert.StartsWith(says, string.Join("; ", faults), StringComparison.Ordinal);
    }
}
