using Brownian.Models.Plans;

namespace Brownian.Jobs.Costs;

/// <summary>
/// The pixel-steps of a plan, which tenants' quotas and usage count: of each denoise stage, the pixels of its images times its evaluations, for each
/// prompt that is joined by AND. A plan without a denoise stage counts as one evaluation of its images.
/// </summary>
public static class PixelSteps
{
    /// <summary>Returns the pixel-steps of a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="scaleOf">The pixels of an image's side for each sample of the latents' side, by the name of the model.</param>
    public static long Of(Plan plan, Func<string?, int> scaleOf)
    {
        IReadOnlyList<StageWork> work = StageWork.Of(plan);
        long steps = 0, images = 0;
        for (int i = 0; i < work.Count; i++)
        {
            int scale = scaleOf(plan.Stages[i].Model);
            long pixels = work[i].Pixels * scale * scale;
            steps += plan.Stages[i].Kind == StageKind.Denoise ? pixels * work[i].Passes * work[i].Units : 0;
            images = Math.Max(images, pixels * work[i].Units);
        }
        return steps > 0 ? steps : images;
    }

    /// <summary>Returns the part of a plan's pixel-steps that is not used yet.</summary>
    /// <param name="all">The pixel-steps of the plan.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="work">The work of its stages; shorter for a job of a version that does not state it.</param>
    /// <param name="unitsLeft">The units that are left of a stage, by its index.</param>
    /// <param name="hasStarted">Whether its first stage has begun, which uses the one step of a plan without a denoise stage.</param>
    public static long Left(long all, Plan plan, IReadOnlyList<StageWork> work, Func<int, long> unitsLeft, bool hasStarted)
    {
        double whole = 0, left = 0;
        for (int i = 0; i < work.Count; i++)
        {
            if (plan.Stages[i].Kind == StageKind.Denoise)
            {
                double unit = (double)work[i].Pixels * work[i].Passes;
                whole += unit * work[i].Units;
                left += unit * unitsLeft(i);
            }
        }
        return whole > 0 ? (long)(all * (left / whole)) : hasStarted ? 0 : all;
    }
}
