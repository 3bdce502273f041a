using Brownian.Formats.Tensors;
using CsCheck;

namespace Brownian.Formats.Tests;

public sealed class InterpolationTests
{
    private static readonly Gen<(InterpolationMode Mode, bool AlignCorners, bool Antialias)> Ways =
        Gen.Select(Gen.Enum<InterpolationMode>(), Gen.Bool, Gen.Bool)
        .Select(
            (mode, corners, antialias) =>
                mode is InterpolationMode.Nearest or InterpolationMode.Area ? (mode, false, false) : (mode, corners, antialias));

    private static readonly Gen<int> Sides = Gen.OneOf(Gen.Const(1), Gen.Int[1, 40]);

    [Fact]
    public void An_image_of_one_value_keeps_it_at_every_size() =>
        Gen.Select(Sides, Sides, Sides, Sides, Ways).Sample(
            (oldHeight, oldWidth, height, width, way) =>
            {
                Tensor resized = Interpolation.Resize(Plain(2, 3, oldHeight, oldWidth), height, width, way.Mode, way.AlignCorners, way.Antialias);
                Assert.Equal([2, 3, height, width], resized.Shape);
                Assert.All(resized.Values, value => Assert.Equal(0.75f, value, 1e-5f));
            },
            iter: 1000);

    [Fact]
    public void Resizing_to_the_same_size_changes_no_value() =>
        Gen.Select(Sides, Sides, Ways).SelectMany(kind => Gen.Float[-9, 9].Array[kind.Item1 * kind.Item2].Select(values => (kind, values))).Sample(
            made =>
            {
                ((int height, int width, (InterpolationMode mode, bool corners, bool antialias)), float[] values) = made;
                Tensor same = Interpolation.Resize(new Tensor(values, [1, 1, height, width]), height, width, mode, corners, antialias);
                Assert.Equal(values, same.Values, (one, other) => Math.Abs(one - other) <= 1e-4f);
            },
            iter: 500);

    [Fact]
    public void Resizing_with_aligned_corners_keeps_a_ramp_and_its_ends()
    {
        var ramp = new Tensor([0, 1, 2, 3], [1, 1, 1, 4]);
        Assert.Equal([0f, 0.5f, 1f, 1.5f, 2f, 2.5f, 3f], Interpolation.Resize(ramp, 1, 7, InterpolationMode.Bilinear, alignCorners: true).Values);
        Assert.Equal([0f], Interpolation.Resize(ramp, 1, 1, InterpolationMode.Bilinear, alignCorners: true).Values);
    }

    [Fact]
    public void A_resized_ramp_has_the_calculated_numbers()
    {
        var ramp = new Tensor([0, 1, 2, 3, 4], [1, 1, 1, 5]);
        Assert.Equal([0f, 1f, 3f], Interpolation.Resize(ramp, 1, 3, InterpolationMode.Nearest).Values);
        Assert.Equal([0.5f, 2f, 3.5f], Interpolation.Resize(ramp, 1, 3, InterpolationMode.Area).Values);
        Assert.Equal([0.75f, 3.25f], Interpolation.Resize(ramp, 1, 2, InterpolationMode.Bilinear).Values);
        // a = -0.75 halfway between two values: -0.09375, 0.59375, 0.59375, -0.09375; the edge is repeated.
        Assert.Equal(
            -0.09375f * 0 + 0.59375f * 1 + 0.59375f * 2 - 0.09375f * 3,
            Interpolation.Resize(new Tensor([0, 1, 2, 3], [1, 1, 4, 1]), 1, 1, InterpolationMode.Bicubic).Values[0], 1e-6f);
        Assert.Equal(
            [float.NegativeZero, float.PositiveInfinity],
            Interpolation.Resize(new Tensor([float.NegativeZero, float.PositiveInfinity], [1, 1, 1, 2]), 1, 2, InterpolationMode.Nearest).Values);
    }

    [Fact]
    public void Options_that_an_interpolation_mode_does_not_have_are_refused()
    {
        Assert.Throws<ArgumentException>("mode", () => Interpolation.Resize(Plain(1, 1, 2, 2), 1, 1, InterpolationMode.Nearest, alignCorners: true));
        Assert.Throws<ArgumentException>("mode", () => Interpolation.Resize(Plain(1, 1, 2, 2), 1, 1, InterpolationMode.Area, antialias: true));
        Assert.Throws<ArgumentException>("input", () => Interpolation.Resize(new Tensor([1], [1, 1, 1]), 1, 1, InterpolationMode.Area));
        Assert.Throws<ArgumentOutOfRangeException>("height", () => Interpolation.Resize(Plain(1, 1, 2, 2), 0, 1, InterpolationMode.Area));
    }

    private static Tensor Plain(params int[] shape) =>
        new([.. Enumerable.Repeat(0.75f, shape.Aggregate(1, (product, size) => product * size))], shape);
}
