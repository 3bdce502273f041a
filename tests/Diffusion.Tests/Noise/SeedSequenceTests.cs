using Brownian.Diffusion.Noise;

namespace Brownian.Diffusion.Tests.Noise;

/// <summary>Compared with NumPy 1.24.</summary>
public sealed class SeedSequenceTests
{
    [Fact]
    public void A_root_seed_sequence_equals_numpys() => AssertState(new SeedSequence(0, 24), [4025752534, 2687548107, 2326983537]);

    [Theory]
    [InlineData(0, 0, 0, new uint[] { 245430115, 3436620678, 4120055464, 1627243804 })]
    [InlineData(42, 1, 1, new uint[] { 1058881542, 1039740124, 2218853409, 2234354429 })]
    public void A_child_seed_sequence_equals_numpys(ulong entropy, uint key, uint depth, uint[] expected)
    {
        var sequence = new SeedSequence(7, 24);
        sequence.Mix(entropy, [key, depth]);
        AssertState(sequence, expected);
    }

    private static void AssertState(SeedSequence sequence, uint[] expected)
    {
        var state = new uint[expected.Length];
        sequence.Generate(state);
        Assert.Equal(expected, state);
    }
}
