using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// Returns increments of one path of Brownian motion over any part of an interval, independent of the order of the queries. The path is bisected down
/// to the requested points by Brownian bridges whose seeds are derived from their position in the tree (torchsde's
/// <c>BrownianInterval(halfway_tree=True, tol=1e-6, pool_size=24)</c>; Jelinčič et al. 2024, arXiv 2405.06464).
/// </summary>
internal sealed class BrownianTree
{
    private const int PoolSize = 24;

    private readonly ulong _seed;
    private readonly double _start;
    private readonly double _end;
    private readonly float _spread;
    private readonly uint _rootSeed;
    private readonly float[] _noise;
    private readonly Stack<float[]> _free = new();
    private readonly SeedSequence _sequence;
    private readonly TorchCpuGenerator _generator = new(0);

    /// <param name="seed">The seed of the path.</param>
    /// <param name="start">The start of the interval.</param>
    /// <param name="end">The end of the interval, above the start.</param>
    /// <param name="length">The number of independent motions.</param>
    public BrownianTree(ulong seed, double start, double end, int length)
    {
        _seed = seed;
        _start = Round(start);
        _end = Round(end);
        _spread = (float)Math.Sqrt(end - start);
        _sequence = new SeedSequence(seed, PoolSize);
        Span<uint> state = stackalloc uint[1];
        _sequence.Generate(state);
        _rootSeed = state[0];
        _noise = new float[length];
    }

    /// <summary>destination = W(to) - W(from).</summary>
    /// <param name="from">At or above the start.</param>
    /// <param name="to">Above <paramref name="from"/>, at or below the end. Points outside the interval are clamped to its ends.</param>
    /// <param name="destination">One value per motion.</param>
    public void Increment(double from, double to, Span<float> destination)
    {
        destination.Clear();
        from = Round(Math.Clamp(from, _start, _end));
        to = Round(Math.Clamp(to, _start, _end));
        if (from == to)
        {
            return;
        }
        float[] root = Rent();
        Fill(_rootSeed, root);
        LinearCombination.Of(_spread, root, root);
        Add(_start, _end, 0, 0, root, from, to, destination);
    }

    /// <summary>Adds the part of a node's increment between two points within the node. Takes ownership of the node's buffer.</summary>
    private void Add(double start, double end, ulong key, uint depth, float[] increment, double from, double to, Span<float> sum)
    {
        if (from == start && to == end)
        {
            LinearCombination.Of(1, sum, 1, increment, sum);
            _free.Push(increment);
            return;
        }
        double middle = Round(0.5 * (end + start));
        Span<uint> state = stackalloc uint[1];
        // Intervals longer than 2^32 microunits have more than 32 levels; NumPy splits a larger key into two words.
        _sequence.Mix(_seed, key <= uint.MaxValue ? [(uint)key, depth] : [(uint)key, (uint)(key >> 32), depth]);
        _sequence.Generate(state);
        Fill(state[0], _noise);
        double reciprocal = 1 / (end - start), left = middle - start, right = end - middle;
        float spread = (float)Math.Sqrt(left * right * reciprocal);

        float[] other = Rent();
        LinearCombination.Of((float)left, increment, other);
        LinearCombination.Of((float)reciprocal, other, spread, _noise, other);
        LinearCombination.Of(1, increment, -1, other, increment);
        // Now the left half is in the new buffer and the right half in the old one.
        if (from < middle)
        {
            Add(start, middle, 2 * key, depth + 1, other, from, Math.Min(to, middle), sum);
        }
        else
        {
            _free.Push(other);
        }
        if (to > middle)
        {
            Add(middle, end, 2 * key + 1, depth + 1, increment, Math.Max(from, middle), to, sum);
        }
        else
        {
            _free.Push(increment);
        }
    }

    private void Fill(uint seed, Span<float> destination)
    {
        _generator.Reseed(seed);
        _generator.FillNormal(destination);
    }

    private float[] Rent() => _free.TryPop(out float[]? buffer) ? buffer : new float[_noise.Length];

    /// <summary>
    /// Python's <c>round(x, 6)</c>: rounds by the exact value of the float64, because the rounded product does not determine whether the value is a
    /// tie.
    /// </summary>
    internal static double Round(double value)
    {
        const double Scale = 1e6;
        double scaled = value * Scale, rest = Math.FusedMultiplyAdd(value, Scale, -scaled);
        double floor = Math.Floor(scaled);
        double aboveTie = scaled - floor - 0.5 + rest;
        bool up = aboveTie > 0 || (aboveTie == 0 && Math.IEEERemainder(floor, 2) != 0);
        return (up ? floor + 1 : floor) / Scale;
    }
}
