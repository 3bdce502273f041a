using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Models;

/// <summary>A model of every family is tried with the inputs that it takes.</summary>
public sealed class TrialRequestTests
{
    private const int Steps = 2;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tiny-sd15", RequestTask.TextToImage)]
    [InlineData("tiny-sd15-controlnet", RequestTask.TextToImage)]
    [InlineData("tiny-lcm", RequestTask.TextToImage)]
    [InlineData("tiny-sdxl", RequestTask.TextToImage)]
    [InlineData("tiny-sd3", RequestTask.TextToImage)]
    [InlineData("tiny-flux-schnell", RequestTask.TextToImage)]
    [InlineData("tiny-if", RequestTask.TextToImage)]
    [InlineData("tiny-karlo", RequestTask.TextToImage)]
    [InlineData("tiny-sdxl-refiner", RequestTask.ImageToImage)]
    [InlineData("tiny-inpaint", RequestTask.Inpaint)]
    [InlineData("tiny-if-sr", RequestTask.Upscale)]
    [InlineData("tiny-x4-upscaler", RequestTask.Upscale)]
    [InlineData("tiny-karlo-variation", RequestTask.Variation)]
    public async Task A_model_is_tried_with_what_it_takes(string model, string task)
    {
        var folder = ModelFolder.Open(Repository.Combine("tests", "Golden.Tests", "Data", "models", model));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(folder, new SessionSettings(Threads: 1), Stop);
        var trial = TrialRequest.Resolve(generator.Models[0], "a red apple", 1, Steps, 64);
        GenerationRequest request = trial.Request.Request;
        Assert.Equal(task, request.Task);
        Assert.Equal(task != RequestTask.Variation, request.Prompt is not null);
        Assert.Equal(task != RequestTask.TextToImage, request.InitImage is not null);
        Assert.Equal(task == RequestTask.Inpaint, request.Mask is not null);
        Assert.Equal(Steps, request.DecoderSteps ?? request.Steps);
        Assert.InRange(Math.Max(trial.Request.Width, trial.Request.Height), 1, 256);

        GeneratedImage image = await generator.GenerateAsync(trial.Request, trial.Files, null, null, Stop).SingleAsync(Stop);
        Assert.InRange(image.Pixels.Rgb.Distinct().Count(), 2, 256);
    }

    [Fact]
    public void A_usual_size_is_halved_where_the_model_draws_other_sizes()
    {
        var folder = ModelFolder.Open(Repository.Combine("tests", "Golden.Tests", "Data", "models", "tiny-sd15"));
        var card = ModelFamilies.CardOf(folder, ModelFamilies.Read(folder));
        int usual = TrialRequest.Resolve(card, "", 0, Steps, int.MaxValue).Request.Width;
        Assert.Equal(usual / 2, TrialRequest.Resolve(card, "", 0, Steps, usual - 1).Request.Width);
    }
}
