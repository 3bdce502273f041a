using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// Noise as CUDA's generator draws it: Philox4x32-10 (Salmon et al. 2011) with one normal number a counter, by the formula of
/// AUTOMATIC1111's <c>modules/rng_philox.py</c>, which fixes what the size of a GPU otherwise decides. All 64 bits of the seed count.
/// </summary>
/// <param name="seed">0..2^64-1.</param>
/// <param name="dtype">The element type of <see cref="FillNormal(Span{float})"/>: computed in float32 and rounded, as on a GPU.</param>
public sealed class PhiloxGenerator(ulong seed, NoiseDtype dtype = NoiseDtype.Float32) : INoiseGenerator
{
    // The formula holds its constants in float32 and computes in float64.
    private const double TwoPow32Inverse = 2.3283064e-10f;
    private const double TwoPow32InverseTwoPi = (float)(2.3283064e-10 * 6.2831855);

    /// <summary>How many tensors were drawn.</summary>
    private uint _offset;

    /// <inheritdoc/>
    public ulong Seed { get; } = seed;

    /// <inheritdoc/>
    public NoiseDtype Dtype { get; } = dtype;

    /// <inheritdoc/>
    public void FillNormal(Span<float> destination) => FillNormal(destination, Dtype);

    /// <inheritdoc/>
    public void FillNormal(Span<float> destination, NoiseDtype dtype)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            (uint x, uint y) = Philox((uint)i);
            double u = x * TwoPow32Inverse + TwoPow32Inverse / 2;
            double v = y * TwoPow32InverseTwoPi + TwoPow32InverseTwoPi / 2;
            float normal = (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Sin(v));
            destination[i] = dtype switch
            {
                NoiseDtype.Float16 => Float16Rounding.Round(normal),
                NoiseDtype.BFloat16 => BFloat16Rounding.Round(normal),
                _ => normal,
            };
        }
        _offset++;
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write("torch-cuda");
        writer.Write(Seed);
        writer.Write(_offset);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        reader.Expect("torch-cuda");
        if (reader.ReadUInt64() != Seed)
        {
            throw new InvalidDataException("The generator's state belongs to another seed");
        }
        _offset = reader.ReadUInt32();
    }

    private (uint X, uint Y) Philox(uint element)
    {
        (uint c0, uint c1, uint c2, uint c3) = (_offset, 0u, element, 0u);
        (uint k0, uint k1) = ((uint)Seed, (uint)(Seed >> 32));
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)c0 * 0xD2511F53u;
            ulong p1 = (ulong)c2 * 0xCD9E8D57u;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        return (c0, c1);
    }
}
