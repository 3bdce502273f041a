using Brownian.Inference.Sessions;

namespace Brownian.Golden.Tests;

/// <summary>
/// Cases of every family, and all with LoRAs or textual inversions, on graphs in their optimised form, one row at a time as with little memory.
/// </summary>
public sealed class OptimizedTests(OptimizedModels models) : IClassFixture<OptimizedModels>
{
    public static TheoryData<string> Cases =>
    [
        .. GoldenCase.Names.Select(row => row.Data).Where(name => name.EndsWith("-default", StringComparison.Ordinal)
            || Array.Exists(["lora", "textual-inversion", "controlnet"], part => name.Contains(part, StringComparison.Ordinal))),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_request_gives_the_references_values_and_images(string name)
    {
        var golden = GoldenCase.Read(name);
        await GoldenRun.AssertAsync(golden, await models.GetAsync(golden.ModelFolders));
        Assert.NotEqual(0, models.Made);
    }
}

/// <summary>Models whose graphs are loaded in their optimised form.</summary>
public sealed class OptimizedModels : LoadedModels, IProgress<OptimizedGraph>
{
    private readonly TemporaryFolder _folder = new();
    private int _made;

    public OptimizedModels() => Settings = new(Threads: 1)
    {
        RowsPerRun = 1,
        Optimized = new OptimizedGraphs(_folder.Combine("optimized"), makes: true, this),
    };

    /// <summary>The number of forms that were made.</summary>
    public int Made => Volatile.Read(ref _made);

    protected override SessionSettings Settings { get; }

    public void Report(OptimizedGraph value) => Interlocked.Increment(ref _made);

    public override void Dispose()
    {
        base.Dispose();
        _folder.Dispose();
    }
}
