using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Requests;

namespace Brownian.Inference.Families;

/// <summary>A request with every default filled in: what is done, and what a picture's file says of it.</summary>
public sealed record ResolvedRequest
{
    /// <summary>The request as it was asked.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>What to draw.</summary>
    public required string Prompt { get; init; }

    /// <summary>What to keep away from; null where there is no pass without the prompt.</summary>
    public required string? NegativePrompt { get; init; }

    /// <summary>Pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels.</summary>
    public required int Height { get; init; }

    /// <summary>One per picture.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>The guidance scale.</summary>
    public required double GuidanceScale { get; init; }

    /// <summary>The guidance rescale.</summary>
    public required double GuidanceRescale { get; init; }

    /// <summary>A complete <c>scheduler_config.json</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The scheduler as the request named it, or null for the model's own.</summary>
    public required JsonObject? SchedulerOverrides { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>As a request file that gives the same pictures: with every default filled in.</summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["task"] = Request.Task,
            ["model"] = Model,
            ["prompt"] = Prompt,
            ["negative_prompt"] = NegativePrompt,
            ["width"] = Width,
            ["height"] = Height,
            ["seeds"] = new JsonArray([.. Seeds.Select(seed => JsonValue.Create(seed))]),
            ["guidance_scale"] = GuidanceScale,
            ["guidance_rescale"] = GuidanceRescale,
            ["eta"] = Request.Eta,
            ["scheduler"] = SchedulerOverrides?.DeepClone() ?? Scheduler.DeepClone(),
            ["noise"] = NoiseWords.Kinds.First(kind => kind.Value == Request.Noise).Key,
            ["noise_dtype"] = NoiseWords.Dtypes.First(dtype => dtype.Value == Request.NoiseDtype).Key,
            ["output"] = new JsonObject
            {
                ["format"] = Request.Output.Format.ToString().ToLowerInvariant(),
                ["quality"] = Request.Output.Quality,
                ["metadata"] = Request.Output.Metadata,
            },
        };
        if (Sampling.Timesteps is { } timesteps)
        {
            json["timesteps"] = new JsonArray([.. timesteps.Select(timestep => JsonValue.Create(timestep))]);
        }
        else
        {
            json["steps"] = Sampling.Steps;
        }
        return json;
    }
}
