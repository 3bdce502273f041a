using Brownian.Fuzzing.Tests.Engine;

namespace Brownian.Fuzzing.Tests;

/// <summary>What a run finds, shown by targets with faults.</summary>
[Collection(FuzzTests.RunsAlone)]
public sealed class EngineTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    [Fact]
    public void An_exception_that_is_not_documented_is_found_with_its_case()
    {
        using var target = new ScriptedTarget(input =>
        {
            if (input is not [1, ..])
            {
                throw new ArgumentException("crash");
            }
        });

        FuzzReport report = Run(target, 1000);

        FuzzFault fault = Assert.Single(report.Faults);
        Assert.Contains("ArgumentException: crash", fault.What, StringComparison.Ordinal);
        using var again = new FuzzRun(target, 1);
        Assert.Equal(fault.Input.Bytes, Assert.Single(again.Run([], 1, Limit, fault.Case!.Value).Faults).Input.Bytes);
    }

    [Fact]
    public void A_documented_exception_is_no_fault()
    {
        using var target = new ScriptedTarget(input => throw new InvalidDataException("refused")) { AcceptsAll = false };

        // Only that no input is accepted.
        Assert.Equal(["no input of this kind is accepted"], Run(target, 1000).Faults.Select(fault => fault.What));
    }

    [Fact]
    public void A_refused_valid_input_is_found()
    {
        using var target = new ScriptedTarget(input => throw new InvalidDataException("refused"));

        Assert.Contains(Run(target, 1).Faults, fault => fault.What.StartsWith("a valid input is refused", StringComparison.Ordinal));
    }

    [Fact]
    public void An_allocation_out_of_proportion_to_the_input_is_found()
    {
        using var target = new ScriptedTarget(input => GC.KeepAlive(new byte[input.Length == 0 ? 1 << 26 : 1]));

        Assert.Contains("allocates", Assert.Single(Run(target, 1000).Faults).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Retained_memory_is_found()
    {
        var kept = new List<byte[]>();
        using var target = new ScriptedTarget(_ => kept.Add(new byte[100_000]));

        Assert.Contains("memory is retained", Assert.Single(Run(target, 1000).Faults).What, StringComparison.Ordinal);
        Assert.NotEmpty(kept);
    }

    [Fact]
    public void A_case_that_does_not_end_is_found()
    {
        using var never = new ManualResetEventSlim();
        using var target = new ScriptedTarget(input =>
        {
            if (input.Length == 0)
            {
                never.Wait(TestContext.Current.CancellationToken);
            }
        });
        using var run = new FuzzRun(target, 1) { MaxCase = TimeSpan.FromMilliseconds(200) };

        FuzzFault fault = Assert.Single(run.Run([], 1_000_000, Limit).Faults);

        Assert.Empty(fault.Input.Bytes);
        Assert.Contains("takes longer", fault.What, StringComparison.Ordinal);
        never.Set();
    }

    [Fact]
    public void An_input_of_the_corpus_is_run_unchanged()
    {
        byte[] found = [7, 7, 7];
        using var target = new ScriptedTarget(input =>
        {
            if (input.AsSpan().SequenceEqual(found))
            {
                throw new ArgumentException("crash");
            }
        });
        using var run = new FuzzRun(target, 1);

        Assert.Equal(found, Assert.Single(run.Run([("seven", new FuzzInput("kind", found))], 0, Limit).Faults).Input.Bytes);
    }

    [Fact]
    public void Two_runs_with_one_seed_have_the_same_cases_and_another_seed_others()
    {
        Assert.Equal(Inputs(5), Inputs(5));
        Assert.NotEqual(Inputs(5), Inputs(6));

        static string[] Inputs(ulong seed)
        {
            var seen = new List<string>();
            using var target = new ScriptedTarget(input => seen.Add(Convert.ToHexString(input)));
            using var run = new FuzzRun(target, seed);
            run.Run([], 200, Limit);
            return [.. seen];
        }
    }

    [Theory]
    [InlineData("""{"a": [1, {"b": "c"}], "d": null}""")]
    [InlineData("[]")]
    [InlineData("1")]
    public void Changed_JSON_is_JSON(string json)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(json);
        for (int number = 0; number < 500; number++)
        {
            byte[] changed = JsonMutation.Apply(new FuzzRandom(1, "json", number), bytes, bytes, ["token"])!;
            System.Text.Json.JsonDocument.Parse(changed, new System.Text.Json.JsonDocumentOptions { MaxDepth = 512 }).Dispose();
        }
    }

    [Fact]
    public void A_changed_message_is_a_message()
    {
        byte[] bytes = [0x08, 0x96, 0x01, 0x12, 0x03, (byte)'a', (byte)'b', (byte)'c', 0x1A, 0x02, 0x08, 0x01];
        for (int number = 0; number < 500; number++)
        {
            byte[] changed = WireMutation.Apply(new FuzzRandom(1, "wire", number), bytes, bytes, ["token"])!;
            Google.Protobuf.WellKnownTypes.Empty.Parser.ParseFrom(changed);
        }
    }

    private static FuzzReport Run(FuzzTarget target, long cases)
    {
        using var run = new FuzzRun(target, 1);
        return run.Run([], cases, Limit);
    }

    private sealed class ScriptedTarget(Action<byte[]> run) : FuzzTarget
    {
        public bool AcceptsAll { get; init; } = true;

        public override int CasesPerSecond => 1000;

        public override bool AcceptsAllSeeds => AcceptsAll;

        public override IEnumerable<FuzzInput> Seeds() => [new FuzzInput("kind", [1, 2, 3, 4])];

        public override void Run(FuzzInput input) => run(input.Bytes);

        public override bool IsDocumented(Exception exception) => exception is InvalidDataException;
    }
}
