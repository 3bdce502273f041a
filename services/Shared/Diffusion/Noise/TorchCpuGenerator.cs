using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// PyTorch's CPU generator, bit for bit: <c>torch.Generator("cpu").manual_seed(seed)</c> and <c>torch.randn</c> on contiguous tensors
/// (<c>aten/src/ATen/native/cpu/DistributionTemplates.h</c>). As in PyTorch, only the low 32 bits of the seed are used.
/// </summary>
/// <param name="seed">0..2^64-1.</param>
/// <param name="dtype">The element type of <see cref="FillNormal(Span{float})"/>.</param>
public sealed class TorchCpuGenerator(ulong seed, NoiseDtype dtype = NoiseDtype.Float32) : INoiseGenerator
{
    private const int Block = 16;

    private readonly MersenneTwister _engine = new(seed);

    /// <summary>The second number of the last pair of the scalar path. Tensors of 16 and more elements do not use or change it.</summary>
    private double? _cachedNormal;

    /// <inheritdoc/>
    public ulong Seed { get; private set; } = seed;

    /// <inheritdoc/>
    public NoiseDtype Dtype { get; } = dtype;

    /// <inheritdoc/>
    public void FillNormal(Span<float> destination) => FillNormal(destination, Dtype);

    /// <inheritdoc/>
    public void FillNormal(Span<float> destination, NoiseDtype dtype)
    {
        if (destination.Length < Block)
        {
            foreach (ref float value in destination)
            {
                value = Round((float)NextNormal(), dtype);
            }
            return;
        }
        switch (dtype)
        {
            case NoiseDtype.Float32:
                FillUniform(destination, 24);
                TransformBlocks(destination, BoxMuller.Transform, static (generator, tail) => generator.FillUniform(tail, 24));
                break;
            case NoiseDtype.Float16:
                FillRounded<Float16Rounding>(destination);
                break;
            case NoiseDtype.BFloat16:
                FillRounded<BFloat16Rounding>(destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, null);
        }
    }

    /// <summary>Draws one tensor of standard normal float64 numbers, as <c>torch.randn(n, dtype=torch.float64)</c> does.</summary>
    /// <param name="destination">The whole tensor.</param>
    public void FillNormal(Span<double> destination)
    {
        if (destination.Length < Block)
        {
            foreach (ref double value in destination)
            {
                value = NextNormal();
            }
            return;
        }
        FillUniform(destination);
        TransformBlocks(destination, BoxMuller.Transform, static (generator, tail) => generator.FillUniform(tail));
    }

    /// <summary>Seeds the generator again, as a new generator.</summary>
    internal void Reseed(ulong seed)
    {
        Seed = seed;
        _engine.Seed(seed);
        _cachedNormal = null;
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write("torch-cpu");
        _engine.Save(writer);
        writer.Write(_cachedNormal.HasValue);
        writer.Write(_cachedNormal.GetValueOrDefault());
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        reader.Expect("torch-cpu");
        _engine.Restore(reader);
        bool cached = reader.ReadBoolean();
        double normal = reader.ReadDouble();
        _cachedNormal = cached ? normal : null;
    }

    private static float Round(float value, NoiseDtype dtype) => dtype switch
    {
        NoiseDtype.Float32 => value,
        NoiseDtype.Float16 => Float16Rounding.Round(value),
        NoiseDtype.BFloat16 => BFloat16Rounding.Round(value),
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, null),
    };

    /// <summary>Draws a number as PyTorch's <c>normal_distribution</c> does (<c>core/DistributionsHelper.h</c>): in float64 for every type.</summary>
    private double NextNormal()
    {
        if (_cachedNormal is { } cached)
        {
            _cachedNormal = null;
            return cached;
        }
        double u1 = NextUniformDouble();
        double u2 = NextUniformDouble();
        double radius = Math.Sqrt(-2 * LogOnePlus(-u2));
        double theta = 2 * Math.PI * u1;
        _cachedNormal = radius * Math.Sin(theta) + 0.0;
        return radius * Math.Cos(theta) + 0.0;
    }

    /// <summary>Returns log(1 + x) without the rounding error of 1 + x (Kahan; Higham, Accuracy and Stability, 1.14.1).</summary>
    private static double LogOnePlus(double x)
    {
        double y = 1 + x;
        return y == 1 ? x : Math.Log(y) * x / (y - 1);
    }

    private double NextUniformDouble() => (_engine.NextUInt64() & ((1UL << 53) - 1)) * (1.0 / (1UL << 53));

    private void FillUniform(Span<double> destination)
    {
        foreach (ref double value in destination)
        {
            value = NextUniformDouble();
        }
    }

    private void FillUniform(Span<float> destination, int bits)
    {
        uint mask = (1u << bits) - 1;
        float scale = 1f / (1u << bits);
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<uint> drawn = _engine.Take(destination.Length);
            Span<float> filled = destination[..drawn.Length];
            Span<uint> masked = MemoryMarshal.Cast<float, uint>(filled);
            TensorPrimitives.BitwiseAnd(drawn, mask, masked);
            // The values are below 2^24, so int32 and float32 represent them exactly.
            TensorPrimitives.ConvertTruncating<int, float>(MemoryMarshal.Cast<uint, int>(masked), filled);
            TensorPrimitives.Multiply(filled, scale, filled);
            destination = destination[drawn.Length..];
        }
    }

    private void FillRounded<TRounding>(Span<float> destination)
        where TRounding : struct, IRounding
    {
        FillUniform(destination, TRounding.UniformBits);
        TransformBlocks(destination, BoxMuller.Transform<TRounding>, static (generator, tail) => generator.FillUniform(tail, TRounding.UniformBits));
        TRounding.Round(destination);
    }

    private delegate void BlockTransform<T>(Span<T> block);

    private delegate void TailFill<T>(TorchCpuGenerator generator, Span<T> tail);

    /// <summary>Transforms whole blocks in order. When some elements remain, 16 new numbers are drawn for the last 16 positions.</summary>
    private void TransformBlocks<T>(Span<T> values, BlockTransform<T> transform, TailFill<T> fillTail)
    {
        for (int i = 0; i + Block <= values.Length; i += Block)
        {
            transform(values.Slice(i, Block));
        }
        if (values.Length % Block != 0)
        {
            Span<T> tail = values[^Block..];
            fillTail(this, tail);
            transform(tail);
        }
    }
}
