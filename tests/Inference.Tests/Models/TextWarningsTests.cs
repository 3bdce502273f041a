using Brownian.Inference.Sessions;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Models;

public sealed class TextWarningsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tiny-if", "a red cat", "blue 😀", "the negative prompt has characters that the model's text encoder does not know, "
        + "and that have no effect: 😀")]
    [InlineData("tiny-flux-schnell", "a cat 😀", null, "the prompt has characters that the model's text encoder does not know, "
        + "and that have no effect: 😀")]
    [InlineData("tiny-sd15", "a cat 😀", null, null)]
    public async Task Characters_that_T5_does_not_know_are_named(string model, string prompt, string? negative, string? says)
    {
        var folder = ModelFolder.Open(Repository.Combine("tests", "Golden.Tests", "Data", "models", model));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(folder, new SessionSettings(Threads: 1), Stop);
        ResolvedRequest request = generator.Resolve(new GenerationRequest
        {
            Prompt = prompt,
            NegativePrompt = negative,
            Steps = 1,
            SetFields = negative is null ? ["prompt", "steps"] : ["prompt", "negative_prompt", "steps"],
        });
        var warnings = new List<string>();
        await generator.GenerateAsync(request, new Dictionary<string, ReadOnlyMemory<byte>>(), null, warnings.Add, Stop).CountAsync(Stop);
        Assert.Equal(says is null ? [] : [says], warnings);
    }
}
