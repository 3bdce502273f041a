using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Brownian.Diffusion.Noise;

/// <summary>
/// Transforms blocks of 16 uniform numbers to 16 normal ones, with the rounding of PyTorch on x86-64 with AVX2
/// (<c>aten/src/ATen/native/cpu/DistributionTemplates.h: normal_fill_16_AVX2</c> and <c>avx_mathfun.h: log256_ps, sincos256_ps</c>, whose
/// multiplications and additions its compiler contracts to fused ones). The result is the same on every processor.
/// </summary>
internal static class BoxMuller
{
    /// <summary>Transforms float32 numbers: elements 0..7 are the radii, 8..15 the angles.</summary>
    public static void Transform(Span<float> block)
    {
        Vector256<float> u1 = Vector256<float>.One - Vector256.Create<float>(block);
        Vector256<float> u2 = Vector256.Create<float>(block[8..]);
        Vector256<float> radius = Vector256.Sqrt(Vector256.Create(-2f) * Log(u1));
        (Vector256<float> sin, Vector256<float> cos) = SinCos(Vector256.Create((float)(2 * Math.PI)) * u2);
        // Adding the mean converts negative zero to positive zero, here and below.
        (radius * cos + Vector256<float>.Zero).CopyTo(block);
        (radius * sin + Vector256<float>.Zero).CopyTo(block[8..]);
    }

    /// <summary>Transforms float64 numbers with the C library's functions.</summary>
    public static void Transform(Span<double> block)
    {
        for (int j = 0; j < 8; j++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - block[j]));
            double theta = 2 * Math.PI * block[j + 8];
            block[j] = radius * Math.Cos(theta) + 0.0;
            block[j + 8] = radius * Math.Sin(theta) + 0.0;
        }
    }

    /// <summary>
    /// Transforms numbers of 16-bit types: the result of every operation is rounded (PyTorch 2 and later); the caller rounds the last one.
    /// </summary>
    public static void Transform<TRounding>(Span<float> block)
        where TRounding : struct, IRounding
    {
        float scale = 1u << TRounding.UniformBits;
        for (int j = 0; j < 8; j++)
        {
            float radius = Rounded<TRounding>.Radii[(int)(block[j] * scale)];
            int angle = (int)(block[j + 8] * scale);
            block[j] = radius * Rounded<TRounding>.Cosines[angle] + 0f;
            block[j + 8] = radius * Rounded<TRounding>.Sines[angle] + 0f;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Log(Vector256<float> x)
    {
        x = Vector256.Max(x, Vector256.Create(1.17549435e-38f));
        Vector256<uint> bits = x.AsUInt32();
        Vector256<float> e = Vector256.ConvertToSingle((bits >>> 23).AsInt32() - Vector256.Create(127)) + Vector256<float>.One;
        Vector256<float> m = ((bits & Vector256.Create(0x807FFFFFu)) | Vector256.Create(0x3F000000u)).AsSingle();
        Vector256<float> small = Vector256.LessThan(m, Vector256.Create(0.707106781186547524f));
        e -= Vector256<float>.One & small;
        x = m - Vector256<float>.One + (m & small);

        Vector256<float> z = x * x;
        Vector256<float> y = Vector256.Create(7.0376836292e-2f);
        y = Fma(y, x, Vector256.Create(-1.1514610310e-1f));
        y = Fma(y, x, Vector256.Create(1.1676998740e-1f));
        y = Fma(y, x, Vector256.Create(-1.2420140846e-1f));
        y = Fma(y, x, Vector256.Create(1.4249322787e-1f));
        y = Fma(y, x, Vector256.Create(-1.6668057665e-1f));
        y = Fma(y, x, Vector256.Create(2.0000714765e-1f));
        y = Fma(y, x, Vector256.Create(-2.4999993993e-1f));
        y = Fma(y, x, Vector256.Create(3.3333331174e-1f));
        y *= x;
        y = Fma(y, z, e * Vector256.Create(-2.12194440e-4f));
        y = Fma(-z, Vector256.Create(0.5f), y);
        x += y;
        return Fma(e, Vector256.Create(0.693359375f), x);
    }

    /// <summary>Returns sine and cosine, for x of 0 and above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Sin, Vector256<float> Cos) SinCos(Vector256<float> x)
    {
        Vector256<int> j = (Vector256.ConvertToInt32(x * Vector256.Create(1.27323954473516f)) + Vector256<int>.One) & Vector256.Create(~1);
        Vector256<float> y = Vector256.ConvertToSingle(j);
        x = Fma(y, Vector256.Create(-0.78515625f), x);
        x = Fma(y, Vector256.Create(-2.4187564849853515625e-4f), x);
        x = Fma(y, Vector256.Create(-3.77489497744594108e-8f), x);
        Vector256<float> z = x * x;

        Vector256<float> c = Vector256.Create(2.443315711809948e-5f);
        c = Fma(c, z, Vector256.Create(-1.388731625493765e-3f));
        c = Fma(c, z, Vector256.Create(4.166664568298827e-2f));
        c *= z;
        c = Fma(c, z, -(z * Vector256.Create(0.5f)));
        c += Vector256<float>.One;

        Vector256<float> s = Vector256.Create(-1.9515295891e-4f);
        s = Fma(s, z, Vector256.Create(8.3321608736e-3f));
        s = Fma(s, z, Vector256.Create(-1.6666654611e-1f));
        s *= z;
        s = Fma(s, x, x);

        Vector256<float> straight = Vector256.Equals(j & Vector256.Create(2), Vector256<int>.Zero).AsSingle();
        Vector256<float> sin = Vector256.ConditionalSelect(straight, s, c);
        Vector256<float> cos = Vector256.ConditionalSelect(straight, c, s);
        Vector256<int> sinSign = (j & Vector256.Create(4)) << 29;
        Vector256<int> cosSign = (~(j - Vector256.Create(2)) & Vector256.Create(4)) << 29;
        return ((sin.AsInt32() ^ sinSign).AsSingle(), (cos.AsInt32() ^ cosSign).AsSingle());
    }

    /// <summary>The transformed values of every uniform number of a 16-bit type. There are 2048 or 256 of them.</summary>
    private static class Rounded<TRounding>
        where TRounding : struct, IRounding
    {
        public static readonly float[] Radii = Each(u =>
            TRounding.Round(MathF.Sqrt(TRounding.Round(-2 * TRounding.Round(MathF.Log(TRounding.Round(1 - u)))))));

        public static readonly float[] Cosines = Each(u => TRounding.Round(MathF.Cos(Angle(u))));

        public static readonly float[] Sines = Each(u => TRounding.Round(MathF.Sin(Angle(u))));

        private static float Angle(float u) => TRounding.Round((float)(2 * Math.PI * u));

        private static float[] Each(Func<float, float> function)
        {
            int count = 1 << TRounding.UniformBits;
            return [.. Enumerable.Range(0, count).Select(i => function((float)i / count))];
        }
    }
}
