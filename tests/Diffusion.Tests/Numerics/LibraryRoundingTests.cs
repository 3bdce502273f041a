using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Tests.Numerics;

/// <summary>Bits of functions that libraries round in ways of their own, as NumPy 1.24 and PyTorch 1.13 on x86-64 print them.</summary>
public sealed class LibraryRoundingTests
{
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
    public void Logarithms_and_exponentials(float x, uint numpyLog, uint torchLog, uint torchExpOfXMinusFive)
    {
        Assert.Equal(numpyLog, BitConverter.SingleToUInt32Bits(Elementary.NumpyLog(x)));
        Assert.Equal(torchLog, BitConverter.SingleToUInt32Bits(Elementary.TorchLog(x)));
        Assert.Equal(torchExpOfXMinusFive, BitConverter.SingleToUInt32Bits(Elementary.TorchExp((float)((double)x - 5))));
    }

    [Fact]
    public void The_functions_are_close_to_the_true_ones()
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
        Assert.True(Math.Abs(actual - expected) <= ulps * (double)spacing, $"{actual:R} is {Math.Abs(actual - expected) / spacing} ulps from {expected:R}");
    }
}
