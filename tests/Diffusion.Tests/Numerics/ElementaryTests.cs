using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Tests.Numerics;

/// <summary>
/// Bits that PyTorch and NumPy gave on x86-64 with AVX2 (1.13.1 and 1.24, whose logarithms, exponentials and powers have not changed since).
/// </summary>
public sealed class ElementaryTests
{
    [Theory]
    [InlineData(1e-5f, 0xc13834f1u, 0xc13834f1u, 0x0554ad2bu)]
    [InlineData(0.0123f, 0xc08cbdb2u, 0xc08cbdb2u, 0x293fd219u)]
    [InlineData(0.71875256f, 0xbea914f9u, 0xbea914f9u, 0x3dcaf2cfu)]
    [InlineData(0.9999f, 0xb8d1c2afu, 0xb8d1c2afu, 0x3f7fd222u)]
    [InlineData(1.0000001f, 0x33ffffffu, 0x33fffffeu, 0x3f800007u)]
    [InlineData(1.5f, 0x3ecf991fu, 0x3ecf991fu, 0x4188b000u)]
    [InlineData(2.6789f, 0x3f7c4396u, 0x3f7c4396u, 0x447788cdu)]
    [InlineData(14.614647f, 0x402ba649u, 0x402ba649u, 0x4d07ce4au)]
    [InlineData(157.4f, 0x40a1e19cu, 0x40a1e19cu, 0x59080df9u)]
    [InlineData(4095.9998f, 0x41051592u, 0x41051592u, 0x697ffff9u)]
    public void Logarithms_and_powers_have_the_reference_libraries_bits(float x, uint torch, uint numpy, uint seventhPower)
    {
        Assert.Equal(torch, BitConverter.SingleToUInt32Bits(Elementary.TorchLog(x)));
        Assert.Equal(numpy, BitConverter.SingleToUInt32Bits(Elementary.NumpyLog(x)));
        Assert.Equal(seventhPower, BitConverter.SingleToUInt32Bits(Elementary.TorchPow(x, 7)));
    }

    [Theory]
    [InlineData(-20.5f, 0x30abd1d8u, 0xbf800000u)]
    [InlineData(-1.2345678f, 0x3e94f8c6u, 0xbf35839du)]
    [InlineData(-0.051f, 0x3f734577u, 0xbd4ba898u)]
    [InlineData(-1e-4f, 0x3f7ff972u, 0xb8d1b468u)]
    [InlineData(1e-4f, 0x3f800347u, 0x38d1b9c6u)]
    [InlineData(0.3f, 0x3facc82cu, 0x3eb320b2u)]
    [InlineData(1.7f, 0x40af2a94u, 0x408f2a94u)]
    [InlineData(9.99f, 0x46aa5e96u, 0x46aa5c96u)]
    [InlineData(88f, 0x7ef882b7u, 0x7ef882b7u)]
    public void Exponentials_have_the_reference_librarys_bits(float x, uint exponential, uint lessOne)
    {
        Assert.Equal(exponential, BitConverter.SingleToUInt32Bits(Elementary.TorchExp(x)));
        Assert.Equal(lessOne, BitConverter.SingleToUInt32Bits(Elementary.TorchExpMinusOne(x)));
    }

    [Fact]
    public void Functions_at_the_ends_of_their_ranges_are_infinite_or_zero()
    {
        Assert.Equal(float.NegativeInfinity, Elementary.TorchLog(0));
        Assert.Equal(float.NegativeInfinity, Elementary.NumpyLog(0));
        Assert.Equal(float.PositiveInfinity, Elementary.TorchLog(float.PositiveInfinity));
        Assert.True(float.IsNaN(Elementary.TorchLog(-1)));
        Assert.Equal(0, Elementary.TorchExp(float.NegativeInfinity));
        Assert.Equal(float.PositiveInfinity, Elementary.TorchExp(float.PositiveInfinity));
        Assert.Equal(-1, Elementary.TorchExpMinusOne(float.NegativeInfinity));
    }

    // For PyTorch 2, whose linspace rounds each element once: hashes of the results of exact rational arithmetic, rounded in that way.
    [Theory]
    [InlineData(0.0001, 0.02, 1000, "a455de8584c2913e90719b1668c1a4eb0d1e08d8614ad8edaefd5b5f8e5eb140")]
    [InlineData(0.029154759474226504, 0.10954451150103323, 1000, "887e773fcd02e6d789c24ec237b93822f14a09e2f11760f5df9e7a4405c8de8f")]
    [InlineData(0, 1, 20, "14593ef14e4378bc0e7b54a650aa5c326f7b9ce8bf10631662881e1576245c6d")]
    public void Linspace_has_the_reference_librarys_bits(double start, double end, int count, string sha256)
    {
        float[] values = Linspace.Torch((float)start, (float)end, count);
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan()))));
    }

    [Fact]
    public void Halves_in_the_trailing_spacing_are_rounded_like_the_reference_library() =>
        Assert.Equal([999, 978, 957, 936, 916, 895, 874, 853], TimestepSpacing.Trailing(1000, 48)[..8]);

    [Theory]
    [InlineData(0.029167533f, 3227662466u, 3227662466u, 1004753636u)]
    [InlineData(0.75f, 3197324049u, 3197324049u, 1013560456u)]
    [InlineData(1.0000001f, 872415230u, 872415231u, 1016466094u)]
    [InlineData(3.1415927f, 1066567299u, 1066567299u, 1042262450u)]
    [InlineData(14.614646f, 1076602441u, 1076602441u, 1181358712u)]
    [InlineData(1e-10f, 3250074865u, 3250074865u, 1004325375u)]
    [InlineData(0.70710677f, 3199300120u, 3199300121u, 1012917387u)]
    [InlineData(0.4924097f, 3207945369u, 3207945369u, 1010082351u)]
    [InlineData(0.3461873f, 3213346684u, 3213346684u, 1008471973u)]
    public void Further_logarithms_and_exponentials_have_the_reference_bits(float x, uint numpyLog, uint torchLog, uint torchExpOfXMinusFive)
    {
        Assert.Equal(numpyLog, BitConverter.SingleToUInt32Bits(Elementary.NumpyLog(x)));
        Assert.Equal(torchLog, BitConverter.SingleToUInt32Bits(Elementary.TorchLog(x)));
        Assert.Equal(torchExpOfXMinusFive, BitConverter.SingleToUInt32Bits(Elementary.TorchExp((float)((double)x - 5))));
    }

    [Fact]
    public void Elementary_functions_are_within_a_few_units_of_the_exact_values()
    {
        for (int i = 1; i <= 10_000; i++)
        {
            float x = i * 1.5e-4f, y = MathF.Sqrt(MathF.Max(1 - x * x, 0));
            AssertUlps(Math.Log(x), Elementary.NumpyLog(x), 4);
            AssertUlps(Math.Log(x), Elementary.TorchLog(x), 1);
            AssertUlps(Math.Exp(-x * 10), Elementary.TorchExp(-x * 10), 1);
            AssertUlps(Math.Sin(x), Elementary.TorchSin(x), 1);
            AssertUlps(Math.Atan2(x, y), Elementary.TorchAtan2(x, y), 1);
        }
    }

    private static void AssertUlps(double expected, float actual, int ulps)
    {
        float spacing = MathF.BitIncrement(MathF.Abs((float)expected)) - MathF.Abs((float)expected);
        Assert.True(
            Math.Abs(actual - expected) <= ulps * (double)spacing, $"{actual:R} is {Math.Abs(actual - expected) / spacing} ulps from {expected:R}");
    }
}
