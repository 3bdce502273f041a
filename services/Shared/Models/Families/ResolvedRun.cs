using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Families;

/// <summary>A denoising run in addition to a request's main one.</summary>
/// <param name="Scheduler">A complete <c>scheduler_config.json</c>.</param>
/// <param name="Sampling">The scheduler's sampling options.</param>
/// <param name="GuidanceScale">The guidance scale.</param>
public sealed record ResolvedRun(JsonObject Scheduler, SamplingOptions Sampling, double GuidanceScale);
