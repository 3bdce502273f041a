using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// Draws noise as CUDA's generator does: Philox4x32-10 (Salmon et al. 2011) with one normal number per counter, by the formula of AUTOMATIC1111's
/// <c>modules/rng_philox.py</c>, which fixes a parameter that otherwise depends on the size of the GPU. All 64 bits of the seed are used.
/// </summary>
/// <param name="seed">0..2^64-1.</param>
/// <param name="dtype">The element type of <see cref="FillNormal(Span{float})"/>: computed in float32 and rounded, as on a GPU.</param>
public sealed class PhiloxGenerator(ulong seed, NoiseDtype dtype = NoiseDtype.Float32) : INoiseGenerator
{
    // The formula stores its constants in float32 and computes in float64.
    private const double TwoPow32Inverse = 2.3283064e-10f;
    private const double TwoPow32InverseTwoPi = (float)(2.3283064e-10 * 6.2831855);

    /// <summary>The number of tensors drawn so far.</summary>
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
        const int Chunk = 256;
        Span<double> radii = stackalloc double[Chunk], angles = stackalloc double[Chunk];
        for (int start = 0; start < destination.Length; start += Chunk)
        {
            Span<float> chunk = destination.Slice(start, Math.Min(Chunk, destination.Length - start));
            // May write beyond the chunk's end; those numbers are not used.
            for (int i = 0; i < chunk.Length; i += Vector256<ulong>.Count)
            {
                (Vector256<ulong> x, Vector256<ulong> y) = Philox((uint)(start + i));
                (ToDouble(x) * TwoPow32Inverse + Vector256.Create(TwoPow32Inverse / 2)).CopyTo(radii[i..]);
                (ToDouble(y) * TwoPow32InverseTwoPi + Vector256.Create(TwoPow32InverseTwoPi / 2)).CopyTo(angles[i..]);
            }
            TensorPrimitives.Log<double>(radii, radii);
            TensorPrimitives.Multiply<double>(radii, -2, radii);
            TensorPrimitives.Sqrt<double>(radii, radii);
            TensorPrimitives.Sin<double>(angles, angles);
            for (int i = 0; i < chunk.Length; i++)
            {
                chunk[i] = (float)(radii[i] * angles[i]);
            }
        }
        switch (dtype)
        {
            case NoiseDtype.Float16:
                Float16Rounding.Round(destination);
                break;
            case NoiseDtype.BFloat16:
                BFloat16Rounding.Round(destination);
                break;
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

    /// <summary>Returns the first two of the four numbers of each of four adjacent counters, 32 bits in each lane of 64.</summary>
    private (Vector256<ulong> X, Vector256<ulong> Y) Philox(uint element)
    {
        Vector256<ulong> low = Vector256.Create(0xFFFFFFFFul), m0 = Vector256.Create(0xD2511F53ul), m1 = Vector256.Create(0xCD9E8D57ul);
        Vector256<ulong> c0 = Vector256.Create((ulong)_offset), c1 = Vector256<ulong>.Zero, c3 = Vector256<ulong>.Zero;
        Vector256<ulong> c2 = Vector256.Create((ulong)element) + Vector256.Create(0ul, 1, 2, 3);
        (uint k0, uint k1) = ((uint)Seed, (uint)(Seed >> 32));
        for (int round = 0; round < 10; round++)
        {
            Vector256<ulong> p0 = Multiply(c0, m0), p1 = Multiply(c2, m1);
            (c0, c1, c2, c3) = ((p1 >>> 32) ^ c1 ^ Vector256.Create((ulong)k0), p1 & low, (p0 >>> 32) ^ c3 ^ Vector256.Create((ulong)k1), p0 & low);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        return (c0, c1);
    }

    /// <summary>Multiplies 32-bit numbers: one instruction when the processor supports it, otherwise three for a 64-bit multiplication.</summary>
    private static Vector256<ulong> Multiply(Vector256<ulong> a, Vector256<ulong> b) =>
        Avx2.IsSupported ? Avx2.Multiply(a.AsUInt32(), b.AsUInt32()) : a * b;

    /// <summary>Converts 32-bit numbers exactly: they are inserted into the mantissa of 2^52, which is then subtracted.</summary>
    private static Vector256<double> ToDouble(Vector256<ulong> values)
    {
        Vector256<double> two52 = Vector256.Create(4503599627370496.0);
        return (values | two52.AsUInt64()).AsDouble() - two52;
    }
}
