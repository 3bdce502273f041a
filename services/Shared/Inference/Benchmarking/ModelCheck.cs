using System.Diagnostics;
using Brownian.Formats.Images;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;

namespace Brownian.Inference.Benchmarking;

/// <summary>A picture that a model was tried with, and what is seen of it without looking.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Pixels">The picture.</param>
/// <param name="Steps">The number of steps.</param>
/// <param name="Time">The time from loading the graphs to the picture.</param>
/// <param name="Mean">The mean of the levels, 0..255.</param>
/// <param name="Deviation">The standard deviation of the levels.</param>
/// <param name="Likeness">
/// The correlation of neighbouring pixels in a row, -1..1: about 0 in noise, above 0.8 in pictures. 0 for a picture of one level.
/// </param>
public sealed record ModelCheck(string Prompt, PixelImage Pixels, int Steps, TimeSpan Time, double Mean, double Deviation, double Likeness)
{
    private const int TrialSteps = 8, MaxSide = 256;

    /// <summary>The likeness above which neighbouring pixels belong together, and the deviation above which a picture is not of one colour.</summary>
    private const double LeastLikeness = 0.5, LeastDeviation = 3;

    /// <summary>What the picture looks like.</summary>
    public ModelCheckResult Result => Deviation < LeastDeviation ? ModelCheckResult.Flat
        : Likeness < LeastLikeness ? ModelCheckResult.Noise
        : ModelCheckResult.Picture;

    /// <summary>Makes a picture.</summary>
    /// <param name="model">The model.</param>
    /// <param name="settings">The session settings.</param>
    /// <param name="cancellationToken">Stops within a step.</param>
    /// <exception cref="FieldFaultException">The model takes no trial request (<see cref="TrialRequest.Resolve"/>).</exception>
    /// <exception cref="Formats.Files.ModelException">The model is damaged, or computes values that are not finite.</exception>
    public static async Task<ModelCheck> RunAsync(ModelFolder model, SessionSettings settings, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        string prompt = ModelComparison.Prompts[0];
        using ImageGenerator generator = await ImageGenerator.LoadAsync(model, settings, cancellationToken).ConfigureAwait(false);
        var request = TrialRequest.Resolve(generator.Models[0], prompt, 0, TrialSteps, MaxSide);
        GeneratedImage image = await generator.GenerateAsync(request.Request, request.Files, null, null, cancellationToken)
            .SingleAsync(cancellationToken).ConfigureAwait(false);
        return Of(prompt, image.Pixels, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Describes a picture.</summary>
    internal static ModelCheck Of(string prompt, PixelImage pixels, TimeSpan time)
    {
        byte[] levels = pixels.Rgb;
        double mean = levels.Average(level => (double)level), variance = levels.Average(level => Math.Pow(level - mean, 2)), products = 0;
        int pairs = 0;
        for (int i = 0; i + 3 < levels.Length; i++)
        {
            if (i / 3 % pixels.Width < pixels.Width - 1)
            {
                products += (levels[i] - mean) * (levels[i + 3] - mean);
                pairs++;
            }
        }
        return new ModelCheck(
            prompt, pixels, TrialSteps, time, mean, Math.Sqrt(variance), variance > 0 && pairs > 0 ? products / pairs / variance : 0);
    }
}
