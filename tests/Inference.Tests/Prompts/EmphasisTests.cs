using Brownian.Formats.Tensors;
using Brownian.Inference.Prompts;
using CsCheck;

namespace Brownian.Inference.Tests.Prompts;

public sealed class EmphasisTests
{
    private static readonly Tensor Embedding = new([1, 2, 3, 4, 5, 6], [1, 3, 2]);

    [Fact]
    public void The_weight_of_every_token_is_applied() =>
        Assert.Equal([1, 2, 6, 8, -2.5f, -3], Emphasis.Apply(Embedding, [1, 2, -0.5f], EmphasisKind.NoNorm).Values);

    [Fact]
    public void The_original_emphasis_restores_the_mean_of_the_embedding()
    {
        // The sums are 21 before and 28 after.
        Tensor weighed = Emphasis.Apply(Embedding, [1, 2, 1], EmphasisKind.Original);
        float scale = 3.5f / (28 / 6f);
        Assert.Equal([1 * scale, 2 * scale, 6 * scale, 8 * scale, 5 * scale, 6 * scale], weighed.Values);
        Assert.Equal([1, 3, 2], weighed.Shape);
        Assert.Equal([1, 2, 3, 4, 5, 6], Embedding.Values);
    }

    [Theory]
    [InlineData(EmphasisKind.Original)]
    [InlineData(EmphasisKind.NoNorm)]
    public void Weights_of_one_change_nothing(EmphasisKind kind) => Assert.Same(Embedding, Emphasis.Apply(Embedding, [1, 1, 1], kind));

    [Fact]
    public void The_original_emphasis_keeps_the_mean_of_any_embedding() =>
        Gen.Select(Gen.Float[0.1f, 2].Array[6 * 8], Gen.Float[0.1f, 3].Array[6]).Sample((values, weights) =>
        {
            Tensor weighed = Emphasis.Apply(new Tensor(values, [1, 6, 8]), weights, EmphasisKind.Original);
            Assert.Equal(values.Average(value => (double)value), weighed.Values.Average(value => (double)value), 1e-5);
        });

    [Fact]
    public void A_mean_that_cannot_be_kept_is_refused() =>
        Assert.Throws<ArithmeticException>(() => Emphasis.Apply(Embedding, [0, 0, 0], EmphasisKind.Original));

    [Fact]
    public void Invalid_shapes_counts_and_kinds_of_emphasis_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Emphasis.Apply(new Tensor([1, 2], [2, 1]), [1, 2], EmphasisKind.Original));
        Assert.Throws<ArgumentException>(() => Emphasis.Apply(new Tensor([1, 2], [2, 1, 1]), [1], EmphasisKind.Original));
        Assert.Throws<ArgumentException>(() => Emphasis.Apply(Embedding, [1, 2], EmphasisKind.Original));
        Assert.Throws<ArgumentException>(() => Emphasis.Apply(Embedding, [1, 2, 1], (EmphasisKind)9));
    }
}
