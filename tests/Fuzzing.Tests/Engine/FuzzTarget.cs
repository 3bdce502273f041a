namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>One way in which bytes from outside enter the product.</summary>
internal abstract class FuzzTarget : IDisposable
{
    /// <summary>The name in reports, in FUZZ_TARGET and in the corpus: request-json of RequestJsonTarget.</summary>
    public string Name => NameOf(GetType());

    /// <summary>
    /// The number of cases in a second of the target's share of the time. It is below the measured speed, so that the number of cases and not the
    /// clock ends most runs.
    /// </summary>
    public abstract int CasesPerSecond { get; }

    /// <summary>Words of the format, which mutations insert.</summary>
    public virtual IReadOnlyList<string> Tokens => [];

    /// <summary>The longest input.</summary>
    public virtual int MaxLength => 64 << 10;

    /// <summary>The longest time of a case.</summary>
    public virtual TimeSpan MaxCase => TimeSpan.FromSeconds(5);

    /// <summary>Whether the target accepts every one of <see cref="Seeds"/>; otherwise it accepts at least one of each kind.</summary>
    public virtual bool AcceptsAllSeeds => true;

    /// <summary>Returns the name of a target's class.</summary>
    public static string NameOf(Type type) => string.Concat(
        type.Name[..^"Target".Length].Select((letter,
            i) => i > 0 && char.IsAsciiLetterUpper(letter) ? "-" + letter : $"{letter}")).ToLowerInvariant();

    /// <summary>The inputs that are changed.</summary>
    public abstract IEnumerable<FuzzInput> Seeds();

    /// <summary>The structure of inputs of a kind.</summary>
    public virtual FuzzFormat FormatOf(string kind) => FuzzFormat.Bytes;

    /// <summary>The most bytes that one case may allocate.</summary>
    public virtual long MaxAllocated(FuzzInput input) => (32L << 20) + 256L * input.Bytes.Length;

    /// <summary>Corrects checksums and lengths of a changed input, without which it would be refused before most of it is read.</summary>
    public virtual byte[] Repair(FuzzRandom random, string kind, byte[] bytes) => bytes;

    /// <summary>Gives the input to the product.</summary>
    public abstract void Run(FuzzInput input);

    /// <summary>Whether an exception is one that the entry point documents for wrong input.</summary>
    public abstract bool IsDocumented(Exception exception);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}
