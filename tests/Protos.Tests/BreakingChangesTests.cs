using Brownian.ExternalScaling;
using Brownian.V1;
using Google.Protobuf.Reflection;

namespace Brownian.Protos.Tests;

/// <summary>
/// Existing clients never break: <c>contract.txt</c> holds every field, enum value, method and reserved range that version 1 ever had. After
/// an addition, this class run with <c>BROWNIAN_WRITE_CONTRACT=1</c> in the environment adds it there; a removal or change is never
/// written.
/// </summary>
public sealed class BreakingChangesTests
{
    private const string Variable = "BROWNIAN_WRITE_CONTRACT";

    private static readonly string File = Repository.Combine("tests", "Protos.Tests", "contract.txt");

    private static readonly FileDescriptor[] Files =
    [
        AccessReflection.Descriptor, DenoiserReflection.Descriptor, ExternalscalerReflection.Descriptor, GenerationReflection.Descriptor,
        ModelsReflection.Descriptor,
        TensorReflection.Descriptor, StagesReflection.Descriptor, TextEncoderReflection.Descriptor, VaeReflection.Descriptor,
        WorkersReflection.Descriptor,
    ];

    [Fact]
    public void No_part_of_the_protos_is_removed_renumbered_retyped_or_renamed()
    {
        string[] snapshot = System.IO.File.Exists(File) ? System.IO.File.ReadAllLines(File) : [];
        string[] now = Contract.Write(Files);

        (string[] broken, string[] added) = Contract.Compare(snapshot, now);

        Assert.True(
            broken.Length == 0,
            $"Clients of version 1 break. Give new things new numbers and names, and reserve old ones:\n{string.Join('\n', broken)}");
        if (added.Length > 0 && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            System.IO.File.WriteAllText(File, string.Concat(now.Select(line => line + "\n")));
            return;
        }
        Assert.True(
            added.Length == 0,
            $"Not in {Path.GetFileName(File)} yet; {Variable}=1 artifacts/bin/Protos.Tests/release/Brownian.Protos.Tests -class "
                + $"\"*BreakingChangesTests\" writes them there:\n{string.Join('\n', added)}");
    }

    [Fact]
    public void The_contract_covers_every_proto_file() =>
        Assert.Equal(
            Directory.GetFiles(Repository.Combine("protos"), "*.proto", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(Repository.Combine("protos"), file)).Order(StringComparer.Ordinal),
            Files.Select(file => file.Name).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("field brownian.v1.GenerateRequest = 10 prompt: optional string, json prompt", null)]
    [InlineData("= 25 steps:", "= 24 steps:")]
    [InlineData("= 25 steps: optional int32", "= 25 steps: optional int64")]
    [InlineData("= 25 steps: optional", "= 25 steps: repeated")]
    [InlineData("= 25 steps:", "= 25 evaluations:")]
    [InlineData("json negativePrompt2", "json negative_prompt_2")]
    [InlineData("value brownian.v1.JobState = 5 JOB_STATE_FAILED", "value brownian.v1.JobState = 9 JOB_STATE_FAILED")]
    [InlineData("method brownian.v1.Generation.Watch (brownian.v1.WatchJobRequest)",
        "method brownian.v1.Generation.Watch (brownian.v1.GetJobRequest)")]
    [InlineData("returns (stream brownian.v1.JobEvent)", "returns (brownian.v1.JobEvent)")]
    [InlineData("reserved brownian.v1.Job 20..29", null)]
    [InlineData("message brownian.v1.Cancelled", null)]
    public void A_change_that_breaks_clients_is_reported(string before, string? after)
    {
        string[] snapshot = Contract.Write(Files);
        Assert.Contains(snapshot, line => line.Contains(before, StringComparison.Ordinal));
        string[] changed =
        [
            .. snapshot.Select(
                line =>
                    line.Contains(before, StringComparison.Ordinal) ? after is null ? ""
                        : line.Replace(before, after, StringComparison.Ordinal)
                        : line).Where(line => line.Length > 0)
        ];

        Assert.NotEmpty(Contract.Compare(snapshot, changed).Broken);
        Assert.Empty(Contract.Compare(snapshot, snapshot).Broken);
    }

    [Theory]
    [InlineData("field brownian.v1.Job = 20 cost: single double, json cost", true)]
    [InlineData("field brownian.v1.Job = 29 cost: single double, json cost", true)]
    [InlineData("field brownian.v1.Job = 30 cost: single double, json cost", false)]
    public void An_addition_is_reported_and_breaks_clients_only_under_a_reserved_number(string line, bool isReserved)
    {
        string[] snapshot = Contract.Write(Files);

        (string[] broken, string[] added) = Contract.Compare(snapshot, [.. snapshot, line]);

        Assert.Equal(isReserved, broken.Length > 0);
        Assert.Equal([line], added);
    }

    [Fact]
    public void The_contract_has_lines_of_every_kind()
    {
        // A reader of descriptors that silently yields nothing would pass all tests above.
        ILookup<string, string> kinds = Contract.Write(Files).ToLookup(line => line.Split(' ')[0]);
        Assert.Equal(["field", "message", "method", "reserved", "value"], kinds.Select(kind => kind.Key).Order(StringComparer.Ordinal));
        Assert.Equal(Files.Sum(file => file.Services.Sum(service => service.Methods.Count)), kinds["method"].Count());
        Assert.True(kinds["field"].Count() > 200, kinds["field"].Count().ToString(CultureInfo.InvariantCulture));
    }
}
