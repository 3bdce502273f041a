using Brownian.Inference.Sessions;
using Brownian.Models.Folders;

namespace Brownian.Inference.Benchmarking;

/// <summary>Compares the images of a model with those of another form of it, for example with weights of another precision.</summary>
public static class ModelComparison
{
    /// <summary>The number of steps of each image.</summary>
    public const int Steps = 4;

    /// <summary>Images are not larger than this where the model can draw smaller ones than its usual size.</summary>
    private const int MaxSide = 256;

    /// <summary>The prompts of the images.</summary>
    public static IReadOnlyList<string> Prompts { get; } =
        ["a red apple on a wooden table", "a lighthouse on a cliff in a storm, oil painting", "portrait of an old sailor with a white beard"];

    /// <summary>Makes the images of both models, one model after the other.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="model">The other form.</param>
    /// <param name="settings">The session settings.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <returns>The differences, in the order of <see cref="Prompts"/>.</returns>
    /// <exception cref="FieldFaultException">The model takes no trial request (<see cref="TrialRequest.Resolve"/>).</exception>
    /// <exception cref="Formats.Files.ModelException">A model is damaged.</exception>
    public static async Task<IReadOnlyList<ModelDifference>> CompareAsync(
        ModelFolder reference, ModelFolder model, SessionSettings settings, CancellationToken cancellationToken)
    {
        List<GeneratedImage> expected = await DrawAsync(reference, settings, cancellationToken).ConfigureAwait(false);
        List<GeneratedImage> actual = await DrawAsync(model, settings, cancellationToken).ConfigureAwait(false);
        return [.. Prompts.Select((prompt, i) => Compare(prompt, expected[i], actual[i]))];
    }

    private static async Task<List<GeneratedImage>> DrawAsync(ModelFolder model, SessionSettings settings, CancellationToken cancellationToken)
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync(model, settings, cancellationToken).ConfigureAwait(false);
        var images = new List<GeneratedImage>();
        for (int i = 0; i < Prompts.Count; i++)
        {
            var request = TrialRequest.Resolve(generator.Models[0], Prompts[i], (ulong)i, Steps, MaxSide);
            images.Add(await generator.GenerateAsync(request.Request, request.Files, null, null, cancellationToken)
                .SingleAsync(cancellationToken).ConfigureAwait(false));
        }
        return images;
    }

    private static ModelDifference Compare(string prompt, GeneratedImage expected, GeneratedImage actual)
    {
        double levels = expected.Pixels.Rgb.Zip(actual.Pixels.Rgb, (one, other) => (double)Math.Abs(one - other)).Average();
        float[] reference = ValuesOf(expected), values = ValuesOf(actual);
        double difference = 0, size = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            difference += Math.Pow(values[i] - reference[i], 2);
            size += Math.Pow(reference[i], 2);
        }
        return new ModelDifference(
            prompt, (expected.Pixels.Width, expected.Pixels.Height), size > 0 ? Math.Sqrt(difference / size) : 0, levels);
    }

    /// <summary>The last latents, or the levels of an image that was enlarged without latents.</summary>
    private static float[] ValuesOf(GeneratedImage image) =>
        image.IsDenoised ? image.Denoised.Latents.Values : [.. image.Pixels.Rgb.Select(static level => (float)level)];
}
