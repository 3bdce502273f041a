using Brownian.Diffusion.Schedulers;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>Selects the part of a scheduler's timesteps that a Stable Diffusion request runs.</summary>
internal static class StableDiffusionTimesteps
{
    /// <summary>Returns the evaluations that are run (<c>get_timesteps</c> of the reference's pipelines).</summary>
    /// <param name="request">The request.</param>
    /// <param name="scheduler">The started scheduler.</param>
    /// <param name="sampling">The options that it was started with.</param>
    /// <param name="strength">How far the result may be from an image; null when it does not determine the first evaluation.</param>
    /// <param name="faults">Receives the faults.</param>
    public static (int First, int? End) Of(
        GenerationRequest request, Scheduler scheduler, SamplingOptions sampling, double? strength, List<FieldFault> faults)
    {
        ReadOnlySpan<float> timesteps = scheduler.Timesteps;
        int trainSteps = (int?)scheduler.Config.ToJson()["num_train_timesteps"] ?? 1000;
        int first = 0;
        if (request.DenoisingStart is { } start)
        {
            double cutoff = Math.Round(trainSteps - start * trainSteps);
            int left = CountBelow(timesteps, cutoff);
            // With two evaluations per step, the first one of a pair is kept.
            left = scheduler.Order == 2 && left % 2 == 0 ? left + 1 : left;
            first = Math.Max(timesteps.Length - left, 0);
            if (left == 0)
            {
                faults.Add(FieldFault.Of("denoising_start", start, "a share that leaves at least one step"));
            }
        }
        else if (strength is { } share)
        {
            int steps = sampling.Steps ?? sampling.Timesteps!.Count;
            int made = Math.Min((int)(steps * share), steps);
            first = Math.Max(steps - made, 0) * scheduler.Order;
            if (made < 1 || first >= timesteps.Length)
            {
                faults.Add(
                    FieldFault.Of(
                        "strength", share,
                        string.Create(
                            CultureInfo.InvariantCulture, $"above 0, with at least one of {steps} steps left: {1.0 / steps:0.####} and above")));
                return (0, null);
            }
        }
        if (request.DenoisingEnd is not { } until || until >= 1)
        {
            return (first, null);
        }
        if (request.DenoisingStart is { } begin && begin >= until)
        {
            faults.Add(FieldFault.Of("denoising_end", until, string.Create(CultureInfo.InvariantCulture, $"above denoising_start, {begin}")));
            return (first, null);
        }
        double last = Math.Round(trainSteps - until * trainSteps);
        int end = first + (timesteps.Length - first) - CountBelow(timesteps[first..], last);
        if (end <= first)
        {
            faults.Add(FieldFault.Of("denoising_end", until, "a share with at least one step in it"));
        }
        return (first, end);
    }

    private static int CountBelow(ReadOnlySpan<float> timesteps, double cutoff)
    {
        int count = 0;
        foreach (float timestep in timesteps)
        {
            count += timestep < cutoff ? 1 : 0;
        }
        return count;
    }
}
