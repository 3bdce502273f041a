using Brownian.Diffusion.Numerics;
using CsCheck;

namespace Brownian.Diffusion.Tests.Numerics;

public sealed class MklSquareRootTests
{
    /// <summary>σ² = (1 - ᾱ) / ᾱ and σ of golden cases whose σ is not the correctly rounded root.</summary>
    [Theory]
    [MemberData(nameof(Goldens))]
    public void Roots_equal_those_of_the_golden_cases(uint square, uint root) =>
        Assert.Equal(root, BitConverter.SingleToUInt32Bits(MklSquareRoot.Of(BitConverter.UInt32BitsToSingle(square))));

    [Fact]
    public void Every_root_is_within_a_unit_in_the_last_place() => Gen.UInt[1, 0x7F7FFFFF].Sample(bits =>
    {
        float x = BitConverter.UInt32BitsToSingle(bits), root = MathF.Sqrt(x);
        Assert.InRange(MklSquareRoot.Of(x), MathF.BitDecrement(root), MathF.BitIncrement(root));
    }, iter: 100_000);

    [Fact]
    public void Zero_and_infinity_are_their_own_roots_and_the_root_of_a_negative_number_is_NaN()
    {
        Assert.Equal(0, MklSquareRoot.Of(0));
        Assert.Equal(float.PositiveInfinity, MklSquareRoot.Of(float.PositiveInfinity));
        Assert.True(float.IsNaN(MklSquareRoot.Of(-1)));
    }

    public static TheoryData<uint, uint> Goldens => new()
    {
        { 979305608, 1022292161 },
        { 1042655628, 1053683600 },
        { 1048222030, 1056786679 },
        { 1051244727, 1058206974 },
        { 1063160301, 1064218378 },
        { 1063259072, 1064271257 },
        { 1066613413, 1065961277 },
        { 1072138195, 1068246685 },
        { 1101756311, 1083450843 },
        { 1115020014, 1090183254 },
        { 1117893611, 1091558955 },
    };
}
