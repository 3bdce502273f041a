using Brownian.Diffusion.Faults;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Models.Tests;

public sealed class SizeFromTests
{
    [Theory]
    [InlineData(64, 64, 64, 64)]
    [InlineData(71, 8, 64, 8)]
    [InlineData(15, 16, 8, 16)]
    public void Sides_of_an_image_are_rounded_down_to_the_multiple(int width, int height, int expectedWidth, int expectedHeight)
    {
        var faults = new List<FieldFault>();
        Assert.Equal(
            (expectedWidth, expectedHeight),
            FamilyRules.SizeFrom("init_image", new RequestImage("", width, height), 8, new GenerationRequest(), faults));
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData(7, 64)]
    [InlineData(64, 1)]
    public void An_image_smaller_than_the_multiple_is_refused(int width, int height)
    {
        var faults = new List<FieldFault>();
        FamilyRules.SizeFrom("control_image", new RequestImage("", width, height), 8, new GenerationRequest(), faults);
        FieldFault fault = Assert.Single(faults);
        Assert.Equal("control_image", fault.Field);
        Assert.Contains($"\"{width}x{height} pixels\" is not allowed; allowed: at least 8 on each side", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_in_the_request_replaces_that_of_the_image()
    {
        var faults = new List<FieldFault>();
        FamilyRules.SizeFrom("init_image", new RequestImage("", 3, 2), 8, new GenerationRequest { Width = 64, Height = 64 }, faults);
        Assert.Empty(faults);
    }
}
