using Brownian.Diffusion.Noise;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Tests.Noise;

public sealed class PhiloxGeneratorTests
{
    [Fact]
    public void Noise_equals_the_published_values()
    {
        double[] expected =
        [
            -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564,
            -0.62285122, -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497,
        ];
        var actual = new float[12];
        new PhiloxGenerator(0).FillNormal(actual);
        Assert.Equal(expected, actual.Select(value => (double)value), (one, other) => Math.Abs(one - other) <= 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(1003)]
    public void A_noise_value_depends_only_on_its_position(int count)
    {
        float[] few = new float[count], many = new float[2048];
        new PhiloxGenerator(9).FillNormal(few);
        new PhiloxGenerator(9).FillNormal(many);
        Assert.Equal(many[..count], few);
    }

    [Fact]
    public void All_64_bits_of_a_seed_affect_the_noise() => Assert.NotEqual(Draw(new PhiloxGenerator(5)), Draw(new PhiloxGenerator((1UL << 32) + 5)));

    [Fact]
    public void Half_precision_noise_is_the_rounded_single_precision_noise() =>
        Assert.Equal([.. Draw(new PhiloxGenerator(7)).Select(value => (float)(Half)value)], Draw(new PhiloxGenerator(7, NoiseDtype.Float16)));

    [Fact]
    public void A_restored_generator_continues_with_the_same_bits()
    {
        var original = new PhiloxGenerator(3);
        Draw(original);
        var writer = new StateWriter();
        original.Save(writer);
        var restored = new PhiloxGenerator(3);
        restored.Restore(new StateReader(writer.Written.ToArray()));
        Assert.Equal(Draw(original), Draw(restored));
        Assert.Throws<InvalidDataException>(() => new PhiloxGenerator(4).Restore(new StateReader(writer.Written.ToArray())));
    }

    private static float[] Draw(PhiloxGenerator generator)
    {
        var noise = new float[64];
        generator.FillNormal(noise);
        return noise;
    }
}
