namespace Brownian.Diffusion.Noise;

/// <summary>
/// NumPy's <c>SeedSequence</c> (M. E. O'Neill's <c>seed_seq</c> design; <c>numpy/random/bit_generator.pyx</c>): hashes a seed and the position of a
/// child in a tree of seeds to any number of 32-bit words.
/// </summary>
internal sealed class SeedSequence
{
    private const int Shift = 16;

    private readonly uint[] _pool;

    /// <param name="entropy">The seed.</param>
    /// <param name="poolSize">The number of words that the seed is mixed into.</param>
    public SeedSequence(ulong entropy, int poolSize)
    {
        _pool = new uint[poolSize];
        Mix(entropy, []);
    }

    /// <summary>Initializes the sequence with a seed and a position in the tree.</summary>
    /// <param name="entropy">The seed.</param>
    /// <param name="spawnKey">The position; empty for the root.</param>
    public void Mix(ulong entropy, ReadOnlySpan<uint> spawnKey)
    {
        uint constant = 0x43B0D7E5;
        for (int i = 0; i < _pool.Length; i++)
        {
            _pool[i] = Hash(i < 2 ? (uint)(entropy >> (32 * i)) : 0, ref constant);
        }
        for (int source = 0; source < _pool.Length; source++)
        {
            for (int target = 0; target < _pool.Length; target++)
            {
                if (source != target)
                {
                    _pool[target] = Combine(_pool[target], Hash(_pool[source], ref constant));
                }
            }
        }
        foreach (uint word in spawnKey)
        {
            for (int target = 0; target < _pool.Length; target++)
            {
                _pool[target] = Combine(_pool[target], Hash(word, ref constant));
            }
        }
    }

    /// <summary>Generates the first words of the sequence.</summary>
    public void Generate(Span<uint> state)
    {
        uint constant = 0x8B51F9DD;
        for (int i = 0; i < state.Length; i++)
        {
            uint word = _pool[i % _pool.Length] ^ constant;
            constant *= 0x58F38DED;
            word *= constant;
            state[i] = word ^ (word >> Shift);
        }
    }

    private static uint Hash(uint value, ref uint constant)
    {
        value ^= constant;
        constant *= 0x931E8875;
        value *= constant;
        return value ^ (value >> Shift);
    }

    private static uint Combine(uint x, uint y)
    {
        uint result = 0xCA01F9DD * x - 0x4973F715 * y;
        return result ^ (result >> Shift);
    }
}
