using System.Text.Json.Nodes;

namespace Brownian.Models.Plans;

/// <summary>
/// How the small image of a super-resolution is noised before the model receives it (Ho et al. 2021, arXiv 2106.15282: conditioning augmentation).
/// </summary>
/// <param name="Scheduler">A complete <c>scheduler_config.json</c> with the <c>_class_name</c> of a class that accepts single timesteps.</param>
/// <param name="Level">The timestep that the image is noised to, 0 and above.</param>
/// <param name="First">Whether its noise is drawn before the run's noise. The reference's pipelines differ in this.</param>
public sealed record UpscaleNoise(JsonObject Scheduler, int Level, bool First);
