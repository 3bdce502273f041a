using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Images;
using Brownian.Inference.Models;
using Brownian.Inference.Plans;
using Brownian.Inference.Requests;
using Brownian.Inference.Stages;

namespace Brownian.Inference.Families;

/// <summary>
/// Stable Diffusion 1.x and 2.x, text to image, as the reference's <c>pipeline_stable_diffusion.py</c>: one CLIP text encoder, a UNet that
/// is given its embeddings, a VAE decoder. Says what a request means for a model, and refuses what it cannot mean.
/// </summary>
public static class StableDiffusion
{
    /// <summary>The family's name.</summary>
    public const string Name = "Stable Diffusion 1.x/2.x";

    /// <summary>The reference pipeline's defaults.</summary>
    private const int DefaultSteps = 50;
    private const double DefaultGuidanceScale = 7.5;

    /// <summary>Checks that a folder holds a model of this family.</summary>
    /// <exception cref="ModelException">It does not; the message says what it holds.</exception>
    public static void RequireFamily(ModelFolder model)
    {
        string? other =
            model.Graphs.ContainsKey("transformer") ? "a transformer (Stable Diffusion 3, Flux)"
            : model.Graphs.ContainsKey("prior") ? "a prior (unCLIP)"
            : model.Graphs.ContainsKey("text_encoder_2") ? "a second text encoder (Stable Diffusion XL)"
            : null;
        if (other is not null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has {other}; this version runs {Name}: text_encoder, unet, vae_decoder, tokenizer, scheduler");
        }
        model.Require("text_encoder");
        model.Require("unet");
        model.Require("vae_decoder");
        if (model.Tokenizer is null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has no tokenizer folder");
        }
        if (model.Scheduler is null)
        {
            throw new ModelException($"The model folder {model.FolderPath} has no scheduler/scheduler_config.json");
        }
        try
        {
            SchedulerCatalog.Create(model.Scheduler);
        }
        catch (FieldFaultException exception)
        {
            throw new ModelException($"The model folder {model.FolderPath}, scheduler/{exception.Message}", exception);
        }
    }

    /// <summary>What a request means for a model.</summary>
    /// <param name="request">Read by <see cref="RequestReader"/>.</param>
    /// <param name="model">The model; sizes are checked as far as its facts are known.</param>
    /// <exception cref="FieldFaultException">With every fault.</exception>
    public static ResolvedRequest Resolve(GenerationRequest request, ModelCard model)
    {
        StableDiffusionFacts facts = model.Facts;
        var faults = new List<FieldFault>();
        faults.AddRange(request.Foreign.Select(field => new FieldFault(field, $"is not known to the family {Name} in text to image")));
        if (request.Task != "text-to-image")
        {
            faults.Add(FieldFault.Of("task", request.Task, $"text-to-image with the family {Name}"));
        }
        if (request.Prompt is null)
        {
            faults.Add(new FieldFault("prompt", "is missing; allowed: text of up to 32000 characters, also none (\"\")"));
        }
        ModelDefaults defaults = model.Defaults;
        (int? unstatedWidth, int? unstatedHeight) = facts.FixedLatentSize is { } size
            ? (size.Width * facts.Scale, size.Height * facts.Scale)
            : (facts.SampleSize * facts.Scale, facts.SampleSize * facts.Scale);
        int width = request.Width ?? defaults.Width ?? unstatedWidth ?? 0, height = request.Height ?? defaults.Height ?? unstatedHeight ?? 0;
        CheckSize(width, height, facts, faults);

        double guidance = request.GuidanceScale ?? defaults.GuidanceScale ?? DefaultGuidanceScale;
        bool guided = ClassifierFreeGuidance.IsActive(guidance);
        var sampling = new SamplingOptions
        {
            Steps = request.Timesteps is null ? request.Steps ?? defaults.Steps ?? DefaultSteps : null,
            Timesteps = request.Timesteps,
            Eta = request.Eta,
        };
        JsonObject? overrides = request.Scheduler ?? defaults.Scheduler;
        Scheduler? scheduler = CreateScheduler(model.Scheduler, overrides, sampling, faults);
        if (scheduler is { TakesEta: false } && request.Eta > 0)
        {
            faults.Add(FieldFault.Of("eta", request.Eta, $"0 with {scheduler.Config.Descriptor.ClassName}, whose steps have no eta"));
        }
        if (request.Preview is { } preview && scheduler is not null
            && (request.Seeds?.Count ?? request.Count) * (scheduler.Timesteps.Length / preview.Every) is var previews and > GenerationRequest.MostPreviews)
        {
            faults.Add(new FieldFault("preview.every", string.Create(
                CultureInfo.InvariantCulture, $"{preview.Every} asks for {previews} previews in all; allowed: up to {GenerationRequest.MostPreviews}")));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        return new ResolvedRequest
        {
            Request = request,
            Model = model.Name,
            Prompt = request.Prompt!,
            NegativePrompt = guided ? request.NegativePrompt ?? "" : null,
            Width = width,
            Height = height,
            Seeds = request.Seeds ?? RandomSeeds(request.Count),
            GuidanceScale = guidance,
            GuidanceRescale = request.GuidanceRescale ?? defaults.GuidanceRescale ?? 0,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = overrides,
            Sampling = sampling,
        };
    }

    /// <summary>What is done for a request: encode, denoise, decode, write.</summary>
    /// <param name="request">Resolved for the model.</param>
    /// <param name="model">The model, its facts complete.</param>
    public static Plan Plan(ResolvedRequest request, ModelCard model)
    {
        var texts = new Dictionary<string, string> { ["prompt"] = request.Prompt };
        var embeddings = new Dictionary<string, string> { ["embedding"] = "encode.prompt" };
        if (request.NegativePrompt is { } negative)
        {
            texts["negative"] = negative;
            embeddings["negative"] = "encode.negative";
        }
        return new Plan
        {
            Stages =
            [
                Stage("encode", StageKind.TextEncode, new TextEncodeSettings { Texts = texts }, [], model),
                Stage("denoise", StageKind.Denoise, DenoiseSettings(request, model.Facts), embeddings, model),
                Stage("decode", StageKind.VaeDecode, new VaeDecodeSettings(), new() { ["latents"] = "denoise.latents" }, model),
                Stage(
                    "write",
                    StageKind.Write,
                    new WriteSettings { Output = request.Request.Output, Parameters = Infotext.Template(request), Seeds = request.Seeds },
                    new() { ["pixels"] = "decode.pixels" },
                    null),
            ],
        };
    }

    /// <summary>The denoising of a request.</summary>
    /// <param name="request">Resolved for the model.</param>
    /// <param name="facts">Complete.</param>
    internal static DenoiseSettings DenoiseSettings(ResolvedRequest request, StableDiffusionFacts facts) => new()
    {
        LatentShape = [facts.Channels!.Value, request.Height / facts.Scale!.Value, request.Width / facts.Scale.Value],
        GuidanceScale = request.GuidanceScale,
        GuidanceRescale = request.GuidanceRescale,
        Scheduler = request.Scheduler,
        Sampling = request.Sampling,
        Seeds = request.Seeds,
        Noise = NoiseWords.Kinds.First(kind => kind.Value == request.Request.Noise).Key,
        NoiseDtype = NoiseWords.Dtypes.First(dtype => dtype.Value == request.Request.NoiseDtype).Key,
        PreviewEvery = request.Request.Preview?.Every ?? 0,
        PreviewSize = request.Request.Preview?.Size,
    };

    private static PlanStage Stage<T>(string name, string kind, T settings, Dictionary<string, string> inputs, ModelCard? model)
        where T : class =>
        new() { Name = name, Kind = kind, Settings = StageSettings.Write(settings), Inputs = inputs, Model = model?.Name, Fingerprint = model?.Fingerprint };

    /// <summary>A scheduler as a request names it over a model's own, started; faults are added, not thrown.</summary>
    /// <param name="file">The model's <c>scheduler_config.json</c>.</param>
    /// <param name="overrides">The request's scheduler, or null.</param>
    /// <param name="sampling">The run to start.</param>
    /// <param name="faults">Where faults go.</param>
    private static Scheduler? CreateScheduler(JsonObject file, JsonObject? overrides, SamplingOptions sampling, List<FieldFault> faults)
    {
        try
        {
            Scheduler scheduler = SchedulerCatalog.Create(file, overrides: overrides?.ToDictionary(option => option.Key, option => option.Value));
            scheduler.Start(sampling);
            return scheduler;
        }
        catch (FieldFaultException exception)
        {
            faults.AddRange(exception.Faults);
            return null;
        }
    }

    /// <summary>Refuses a size that a model cannot make.</summary>
    /// <exception cref="FieldFaultException">With the nearest sizes that work.</exception>
    internal static void RequireSize(int width, int height, StableDiffusionFacts facts)
    {
        var faults = new List<FieldFault>();
        CheckSize(width, height, facts, faults);
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    private static void CheckSize(int width, int height, StableDiffusionFacts facts, List<FieldFault> faults)
    {
        if (facts is { FixedLatentSize: { } only, Scale: { } scale })
        {
            if ((width, height) != (only.Width * scale, only.Height * scale))
            {
                faults.Add(new FieldFault("width", $"{width}x{height} is not allowed; the model's graphs are fixed to {only.Width * scale}x{only.Height * scale}"));
            }
            return;
        }
        if (facts.PixelMultiple is not { } multiple)
        {
            return;
        }
        CheckSide("width", width, multiple, faults);
        CheckSide("height", height, multiple, faults);
        if ((long)width * height > GenerationRequest.MostPixels)
        {
            faults.Add(new FieldFault("width", string.Create(CultureInfo.InvariantCulture, $"{width}x{height} are {(long)width * height} pixels; allowed: up to {GenerationRequest.MostPixels}")));
        }
    }

    private static void CheckSide(string field, int side, int multiple, List<FieldFault> faults)
    {
        if (side % multiple == 0 && side > 0)
        {
            return;
        }
        int below = side / multiple * multiple, above = below + multiple;
        string nearest = below >= GenerationRequest.SmallestSide ? $"{below} and {above}" : $"{above}";
        faults.Add(new FieldFault(field, $"{side} is not allowed; allowed: multiples of {multiple} with this model, the nearest are {nearest}"));
    }

    private static ulong[] RandomSeeds(int count)
    {
        uint first = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
        return [.. Enumerable.Range(0, count).Select(i => first + (ulong)i)];
    }
}
