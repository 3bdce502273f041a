using System.Text.Json.Serialization;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Costs;

/// <summary>
/// The work of a stage in units of equal time: evaluations of a denoise stage, images of a stage that decodes or writes them, one for other stages.
/// </summary>
/// <param name="Pixels">See <see cref="StageShape.Pixels"/>.</param>
/// <param name="Batch">See <see cref="StageShape.Batch"/>.</param>
/// <param name="Units">The number of units, at least 1.</param>
public sealed record StageWork(long Pixels, int Batch, long Units)
{
    /// <summary>
    /// The passes of a unit that count for a quota: one for each prompt that is joined by AND. The pass of the negative prompt counts with the first.
    /// </summary>
    [JsonIgnore]
    public int Passes => Math.Max(1, Batch - 1);

    /// <summary>Returns the work of each stage of a plan.</summary>
    /// <param name="plan">A valid plan.</param>
    /// <returns>One entry per stage; none when the settings of a stage cannot be read, which its worker will report.</returns>
    public static IReadOnlyList<StageWork> Of(Plan plan)
    {
        try
        {
            StageWork?[] denoising = [.. plan.Stages.Select(stage => stage.Kind == StageKind.Denoise ? OfDenoise(stage) : null)];
            return [.. plan.Stages.Select((stage, index) => denoising[index] ?? Of(plan, index, denoising))];
        }
        catch (Exception exception) when (exception is FieldFaultException or ArgumentException)
        {
            return [];
        }
    }

    /// <summary>Returns the shape of a stage with this work.</summary>
    public StageShape ShapeOf(PlanStage stage) => new(stage.Kind, stage.Model ?? "", stage.Fingerprint ?? "", Pixels, Batch);

    private static StageWork OfDenoise(PlanStage stage)
    {
        DenoiseSettings settings = StageSettings.Read<DenoiseSettings>(stage);
        Scheduler scheduler = SchedulerCatalog.Create(settings.Scheduler);
        scheduler.Start(settings.Sampling);
        int end = Math.Min(settings.End ?? int.MaxValue, scheduler.Timesteps.Length);
        bool isGuided = stage.Inputs.ContainsKey("negative") || settings.Negative is not null;
        int batch = !isGuided ? 1
            : settings.Image?.Role == ImageRole.Guide ? 3
            : 1 + Math.Max(1, settings.Prompts.Count);
        return new StageWork(
            (long)settings.LatentShape[^2] * settings.LatentShape[^1], batch, Math.Max(1, (long)settings.Seeds.Count * (end - settings.First)));
    }

    /// <summary>Returns the work of a stage that takes its size from the nearest denoise stage before it, or after it.</summary>
    private static StageWork Of(Plan plan, int index, StageWork?[] denoising)
    {
        PlanStage stage = plan.Stages[index];
        long pixels = stage.Kind is StageKind.TextEncode or StageKind.ImageEncode
            ? 0
            : (denoising.Take(index).LastOrDefault(work => work is not null) ?? denoising.Skip(index).FirstOrDefault(work => work is not null))
                ?.Pixels ?? 0;
        long units = stage.Kind is StageKind.VaeDecode or StageKind.Write
            && plan.Stages.LastOrDefault(other => other.Kind == StageKind.Write) is { } write
            ? Math.Max(1, StageSettings.Read<WriteSettings>(write).Seeds.Count)
            : 1;
        return new StageWork(pixels, 1, units);
    }
}
