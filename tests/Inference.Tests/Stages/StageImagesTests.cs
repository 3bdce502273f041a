using Brownian.Diffusion.Faults;
using Brownian.Formats.Images;
using Brownian.Inference.Stages;
using Brownian.Inference.Tests.Images;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Inference.Tests.Stages;

public sealed class StageImagesTests
{
    private const int Grey = 0, ColourAlpha = 6;

    [Theory]
    [InlineData(16, 40_000, "init_image is a grey image of 16 bits")]
    [InlineData(16, 200, null)]
    [InlineData(8, 255, null)]
    public async Task Levels_that_are_cut_to_white_produce_a_warning(int depth, int level, string? warning)
    {
        var context = new Context(new PngFile(2, 2, depth, Grey).Write([level, 0, 0, 0]));

        await StageImages.ReadAsync(context, "id", "init_image", TestContext.Current.CancellationToken);

        AssertWarned(warning, context);
    }

    [Theory]
    [InlineData(0, 0, 255, "mask marks nothing: its colours are all the same, and its marks are in its alpha channel")]
    [InlineData(255, 0, 255, "mask marks everything: its colours are all the same")]
    [InlineData(0, 255, 255, null)]
    public async Task A_mask_of_one_colour_with_marks_in_its_alpha_produces_a_warning(int colour, int firstAlpha, int otherAlpha, string? warning)
    {
        var context = new Context(new PngFile(2, 1, 8, ColourAlpha).Write([colour, colour, colour, firstAlpha, colour, colour, colour, otherAlpha]));

        await StageImages.ReadMaskAsync(context, "id", TestContext.Current.CancellationToken);

        AssertWarned(warning, context);
    }

    [Fact]
    public async Task A_mask_that_marks_with_its_colours_produces_no_warning()
    {
        var context = new Context(new PngFile(2, 1, 8, ColourAlpha).Write([255, 255, 255, 0, 0, 0, 0, 255]));

        await StageImages.ReadMaskAsync(context, "id", TestContext.Current.CancellationToken);

        AssertWarned(null, context);
    }

    [Fact]
    public async Task Pixels_that_cannot_be_decoded_are_a_fault_of_the_field()
    {
        byte[] file = new PngFile(2, 2, 8, Grey).WriteRaw([0, 1]);
        Assert.Equal((2, 2), ImageInspector.Inspect(file));

        FieldFaultException refused = await Assert.ThrowsAsync<FieldFaultException>(
            () => StageImages.ReadAsync(new Context(file), "id", "control_image", TestContext.Current.CancellationToken));

        Assert.Equal("control_image", Assert.Single(refused.Faults).Field);
    }

    [Fact]
    public void A_mask_that_marks_nothing_is_a_fault_of_the_mask()
    {
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => StageImages.Around(new Raster(2, 2, 1, new byte[4]), 2, 2, 0));

        Assert.Equal("mask", Assert.Single(refused.Faults).Field);
    }

    private static void AssertWarned(string? warning, Context context)
    {
        if (warning is null)
        {
            Assert.Empty(context.Warnings);
            return;
        }
        Assert.StartsWith(warning, Assert.Single(context.Warnings), StringComparison.Ordinal);
    }

    private sealed class Context(byte[] file) : MemoryStageContext(new PlanStage { Name = "image", Kind = StageKind.VaeEncode }, [])
    {
        public List<string> Warnings { get; } = [];

        public override Task WarnAsync(string message, CancellationToken cancellationToken)
        {
            Warnings.Add(message);
            return Task.CompletedTask;
        }

        public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
            Task.FromResult<ReadOnlyMemory<byte>>(file);
    }
}
