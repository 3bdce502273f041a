namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). A case is determined by the seed, the target's name and
/// the case's number, independently of the cases before it, so that it can be run again alone.
/// </summary>
internal sealed class FuzzRandom
{
    private ulong _state;

    public FuzzRandom(ulong seed, string target, long number)
    {
        _state = seed;
        foreach (char letter in target)
        {
            _state = Next() ^ letter;
        }
        _state = Next() ^ (ulong)number;
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        ulong bits = _state += 0x9E3779B97F4A7C15;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }

    /// <summary>A number from 0 to <paramref name="end"/> - 1; 0 for an end of 0.</summary>
    public int Next(int end) => end <= 0 ? 0 : (int)(Next() % (ulong)end);

    /// <summary>Whether an event of the probability 1 / <paramref name="of"/> happens.</summary>
    public bool OneIn(int of) => Next(of) == 0;

    /// <summary>One element of a list that is not empty.</summary>
    public T Pick<T>(IReadOnlyList<T> list) => list[Next(list.Count)];

    /// <summary>A length from 1 to <paramref name="max"/> in which every order of magnitude is equally probable.</summary>
    public int Length(int max)
    {
        int length = 1 + Next(1 << Next(int.Log2(Math.Max(1, max)) + 1));
        return Math.Min(length, Math.Max(1, max));
    }
}
