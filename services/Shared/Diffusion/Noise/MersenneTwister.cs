using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// MT19937, 32 bits (Matsumoto and Nishimura 1998), seeded as PyTorch's <c>aten/src/ATen/core/MT19937RNGEngine.h</c> does.
/// </summary>
internal sealed class MersenneTwister
{
    private const int Size = 624;
    private const int Middle = 397;
    private const uint Twist = 0x9908B0DF;

    private readonly uint[] _state = new uint[Size];
    private readonly uint[] _tempered = new uint[Size];
    private int _next = Size;

    /// <param name="seed">The seed; only the low 32 bits are used.</param>
    public MersenneTwister(ulong seed) => Seed(seed);

    /// <summary>Seeds the generator again.</summary>
    /// <param name="seed">The seed; only the low 32 bits are used.</param>
    public void Seed(ulong seed)
    {
        _next = Size;
        _state[0] = (uint)seed;
        for (uint j = 1; j < Size; j++)
        {
            uint previous = _state[j - 1];
            _state[j] = 1812433253u * (previous ^ (previous >> 30)) + j;
        }
    }

    public uint NextUInt32()
    {
        if (_next == Size)
        {
            Regenerate();
        }
        return _tempered[_next++];
    }

    /// <summary>Draws a number as PyTorch's <c>random64</c> does: the first draw is the upper half.</summary>
    public ulong NextUInt64()
    {
        ulong high = NextUInt32();
        return (high << 32) | NextUInt32();
    }

    /// <summary>Draws the numbers that are already generated, at most <paramref name="count"/> and at least one.</summary>
    public ReadOnlySpan<uint> Take(int count)
    {
        if (_next == Size)
        {
            Regenerate();
        }
        int taken = Math.Min(count, Size - _next);
        ReadOnlySpan<uint> numbers = _tempered.AsSpan(_next, taken);
        _next += taken;
        return numbers;
    }

    public void Save(StateWriter writer)
    {
        writer.Write(_next);
        writer.Write(_state.AsSpan(0, Size));
    }

    public void Restore(StateReader reader)
    {
        int next = reader.ReadInt32();
        if (next is < 0 or > Size)
        {
            throw new InvalidDataException($"MT19937 position {next} is outside 0..{Size}");
        }
        reader.Read(_state.AsSpan(0, Size));
        _next = next;
        Temper();
    }

    private void Regenerate()
    {
        Span<uint> s = _state;
        int i = 0;
        for (; i < Size - Middle - 7; i += 8)
        {
            TwistEight(s, i, i + Middle);
        }
        for (; i < Size - Middle; i++)
        {
            s[i] = TwistOne(s[i], s[i + 1], s[i + Middle]);
        }
        for (; i < Size - 1 - 7; i += 8)
        {
            TwistEight(s, i, i + Middle - Size);
        }
        for (; i < Size - 1; i++)
        {
            s[i] = TwistOne(s[i], s[i + 1], s[i + Middle - Size]);
        }
        s[Size - 1] = TwistOne(s[Size - 1], s[0], s[Middle - 1]);
        Temper();
        _next = 0;
    }

    private void Temper()
    {
        for (int i = 0; i < Size; i += 8)
        {
            Vector256<uint> y = Vector256.Create<uint>(_state.AsSpan(i));
            y ^= y >>> 11;
            y ^= (y << 7) & Vector256.Create(0x9D2C5680u);
            y ^= (y << 15) & Vector256.Create(0xEFC60000u);
            y ^= y >>> 18;
            y.CopyTo(_tempered.AsSpan(i));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwistEight(Span<uint> s, int i, int m)
    {
        Vector256<uint> high = Vector256.Create<uint>(s[i..]) & Vector256.Create(0x80000000u);
        Vector256<uint> next = Vector256.Create<uint>(s[(i + 1)..]);
        Vector256<uint> low = next & Vector256.Create(0x7FFFFFFFu);
        Vector256<uint> odd = Vector256<uint>.Zero - (next & Vector256<uint>.One);
        (Vector256.Create<uint>(s[m..]) ^ ((high | low) >>> 1) ^ (odd & Vector256.Create(Twist))).CopyTo(s[i..]);
    }

    private static uint TwistOne(uint current, uint next, uint middle)
    {
        uint y = (current & 0x80000000u) | (next & 0x7FFFFFFFu);
        return middle ^ (y >> 1) ^ ((next & 1) == 0 ? 0 : Twist);
    }
}
