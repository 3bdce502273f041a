using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.State;
using CsCheck;

namespace Brownian.Diffusion.Tests.Noise;

public sealed class TorchCpuGeneratorTests
{
    [Theory]
    [InlineData(0UL, 16384, "24efac55b39e95b2d74d8fb5b3a8e8a8e808bd04129f260c4cdbb225bb952a4d")]
    [InlineData(42UL, 16384, "e97f3de04c7c6ba86354db4402b91d4402ede9c72aabed29a96dd7d635a798ba")]
    [InlineData(1234567890123UL, 16384, "813f807c152c1cc87f05e45999917ee7fd403f6c4f90ab8df946f2c5d1b21658")]
    [InlineData(0UL, 15, "feb39d97c8afee245f21d052413d07b2de3a4973c2085d7ed18ba5070e9c7a28")]
    [InlineData(0UL, 17, "6d2169852e19b6d18ed57d5a11b37c14723e147e06b2b3868a4e6d8a30017923")]
    [InlineData(0UL, 20, "77d3233a84c93b6e3d8eb9cf08210a4f29eecd3862e1060f571f048573a473b3")]
    [InlineData(0UL, 33, "889b8aa5f10412de127bc6a2139aa9cad9e59748bd4e9d5a75f8fa1d2c6c0546")]
    [InlineData(0UL, 100, "438630ac9c044e48e61cc1e305357cc42685f4b10b1be31bec0c96a335f4c2ab")]
    public void Float32_noise_equals_torch_bit_for_bit(ulong seed, int count, string sha256)
    {
        float[] noise = Draw(seed, count);
        Assert.Equal(sha256, Hash(MemoryMarshal.AsBytes(noise.AsSpan())));
    }

    [Fact]
    public void Float64_noise_equals_torch_bit_for_bit()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux()
                && RuntimeInformation.ProcessArchitecture == Architecture.X64,
                "float64 noise uses the C library's functions; the hash is glibc's on x64");
        var noise = new double[16384];
        new TorchCpuGenerator(0).FillNormal(noise);
        Assert.Equal("05aafd6fcb8c12253ece60016da827acf5858b73ed738b6bd0ab0b34dcc2d3ab", Hash(MemoryMarshal.AsBytes(noise.AsSpan())));
    }

    [Fact]
    public void Float16_noise_equals_torch_bit_for_bit()
    {
        Half[] halves = [.. Draw(0, 16384, NoiseDtype.Float16).Select(value => (Half)value)];
        Assert.Equal("b44cb2f18ac7dcd1063b3f4a0dd8fb068faf376909d67f183c27e757c182f4ab", Hash(MemoryMarshal.AsBytes(halves.AsSpan())));
    }

    [Fact]
    public void Bfloat16_noise_equals_torch_bit_for_bit()
    {
        ushort[] bits = [.. Draw(0, 16384, NoiseDtype.BFloat16).Select(BFloat16Bits.FromSingle)];
        Assert.Equal("87a097bfc402b4727daa5e379c0d01c2fea252397b52667f12ae6bd1555b703f", Hash(MemoryMarshal.AsBytes(bits.AsSpan())));
    }

    [Fact]
    public void Short_tensors_draw_pairs_and_keep_the_second_number_for_the_next_draw()
    {
        var generator = new TorchCpuGenerator(0);
        var three = new float[3];
        var sixteen = new float[16];
        var one = new float[1];
        generator.FillNormal(three);
        generator.FillNormal(sixteen);
        generator.FillNormal(one);
        // The reference's numbers, printed with seven or eight digits.
        double[] expected = [1.5409961, -0.2934289, -2.1787894, -0.3561284, 0.4372227, 0.56843126];
        Assert.Equal(expected, [.. three, .. sixteen[..2], .. one], (one, other) => Math.Abs(one - other) <= 6e-8);
    }

    [Fact]
    public void Only_the_low_32_bits_of_a_seed_affect_the_noise() => Assert.Equal(Draw(5, 64), Draw((1UL << 32) + 5, 64));

    [Fact]
    public void A_restored_generator_continues_with_the_same_bits() =>
        Gen.Select(Gen.ULong, Gen.Int[1, 700].Array[0, 4], Gen.Int[1, 700]).Sample((seed, before, after) =>
        {
            var original = new TorchCpuGenerator(seed);
            foreach (int count in before)
            {
                original.FillNormal(new float[count]);
            }
            var writer = new StateWriter();
            original.Save(writer);
            var restored = new TorchCpuGenerator(seed);
            restored.Restore(new StateReader(writer.Written.ToArray()));
            var expected = new float[after];
            var actual = new float[after];
            original.FillNormal(expected);
            restored.FillNormal(actual);
            Assert.Equal(expected, actual);
        }, iter: 200);

    private static float[] Draw(ulong seed, int count, NoiseDtype dtype = NoiseDtype.Float32)
    {
        var noise = new float[count];
        new TorchCpuGenerator(seed, dtype).FillNormal(noise);
        return noise;
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
