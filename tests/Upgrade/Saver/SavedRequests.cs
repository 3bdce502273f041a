using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Upgrade.Saver;

/// <summary>The requests to the earlier version, by name. Every request is for models and files of the repository.</summary>
internal static class SavedRequests
{
    /// <summary>The served models.</summary>
    public static IReadOnlyList<string> Models { get; } = ["emoji", "tiny-sd15", "tiny-sd15-controlnet", "tiny-if", "tiny-if-sr"];

    /// <summary>The requests whose jobs end with images.</summary>
    /// <param name="scene">The upload of an image.</param>
    /// <param name="control">The upload of an image for a ControlNet.</param>
    /// <param name="mask">A mask's file.</param>
    public static IReadOnlyDictionary<string, GenerateRequest> Create(string scene, string control, byte[] mask) =>
    new Dictionary<string, GenerateRequest>
    {
        ["text-to-image"] = new()
        {
            Prompt = "red apple, flat",
            NegativePrompt = "noto",
            Seeds = { 7, 18446744073709551615 },
            Width = 64,
            Height = 64,
            Steps = 8,
            GuidanceScale = 3,
            GuidanceInterval = { 0, 0.75 },
            GuidanceRescale = 0.2,
            Eta = 0.5,
            Noise = "torch-cuda",
            LongPrompt = "chunk",
            Priority = "interactive",
            IdempotencyKey = "the same apple",
            Deadline = new DateTimeOffset(2140, 1, 1, 0, 0, 0, TimeSpan.Zero).ToTimestamp(),
            Labels = { ["album"] = "fruit", ["größe"] = "klein" },
        },
        ["image-to-image"] = new()
        {
            Prompt = "pear, flat",
            InitImage = scene,
            Strength = 0.6,
            Seed = 9223372036854775809,
            Count = 2,
            Steps = 8,
            Scheduler = Scheduler("EulerAncestralDiscreteScheduler"),
            VaeTiling = true,
        },
        ["inpaint"] = new()
        {
            Prompt = "sun, noto",
            InitImage = scene,
            Mask = "data:image/png;base64," + Convert.ToBase64String(mask),
            Seed = 3,
            Steps = 6,
        },
        ["subseed"] = new()
        {
            Prompt = "(rocket:1.3), [cat face:dog face:0.5] AND sunflower, flat",
            PromptSyntax = "a1111",
            Seed = 11,
            Subseed = 12,
            SubseedStrength = 0.4,
            Steps = 8,
            Scheduler = Scheduler("HeunDiscreteScheduler"),
            Output = new Output { Metadata = true },
            Priority = "batch",
        },
        ["two-passes"] = new()
        {
            Prompt = "butterfly, twemoji",
            Seed = 5,
            Steps = 6,
            Hires = new Struct
            {
                Fields =
                {
                    ["scale"] = Value.ForNumber(1.5),
                    ["steps"] = Value.ForNumber(6),
                    ["strength"] = Value.ForNumber(0.5),
                    ["upscaler"] = Value.ForString("lanczos"),
                },
            },
        },
        ["lora"] = new()
        {
            Model = "tiny-sd15",
            Prompt = "red flower on a glass table",
            Loras = { new Lora { File = "sd15-kohya-f16.safetensors", Weight = 0.8 } },
            Seed = 206,
            Steps = 6,
            Width = 64,
            Height = 64,
            Output = new Output { Format = "png" },
        },
        ["controlnet"] = new()
        {
            Model = "tiny-sd15-controlnet",
            Prompt = "a green railway car near the moon",
            Controlnets = { "controlnet" },
            ControlImage = { control },
            ControlnetConditioningScale = { 0.9 },
            ControlGuidanceEnd = { 0.8 },
            Seed = 301,
            Steps = 6,
            Width = 64,
            Height = 64,
        },
        ["cascade"] = new()
        {
            Models = { "tiny-if", "tiny-if-sr" },
            Prompt = "a tiny blue robot in the snow, pixel art",
            NegativePrompt = "",
            Seed = 71,
            Stage2SeedOffset = 1,
            Stage1 = Stage(32, 8),
            Stage2 = Stage(48, 6, ("noise_level", 250)),
        },
        // A scheduler that remembers earlier evaluations and draws noise: its checkpoints contain both.
        ["long"] = new()
        {
            Prompt = "snowman, twemoji",
            NegativePrompt = "robot",
            Seed = 42,
            Steps = 40,
            GuidanceScale = 4,
            Scheduler = Scheduler("DPMSolverMultistepScheduler", ("algorithm_type", "sde-dpmsolver++")),
        },
    };

    /// <summary>A request in JSON.</summary>
    public const string Json =
        """
        {
          "model": "emoji", "prompt": "castle, flat", "seed": 21, "steps": 4, "scheduler": "euler",
          "output": { "format": "webp", "quality": 80, "metadata": false }, "preview": { "every": 2, "size": 32 },
          "labels": { "door": "json" }
        }
        """;

    /// <summary>A request whose job fails: it takes longer than its deadline.</summary>
    public static GenerateRequest Overdue() => new()
    {
        Prompt = "key, noto",
        Seed = 1,
        Steps = 1000,
        Deadline = (DateTimeOffset.UtcNow + TimeSpan.FromSeconds(1)).ToTimestamp(),
    };

    /// <summary>A request whose job is cancelled.</summary>
    public static GenerateRequest Endless() => new() { Prompt = "crown, noto", Seed = 1, Steps = 1000 };

    /// <summary>A request for the image of another one, as a job of its own.</summary>
    public static GenerateRequest Again(GenerateRequest request, string priority)
    {
        GenerateRequest again = request.Clone();
        again.ClearIdempotencyKey();
        again.Priority = priority;
        again.Labels["again"] = priority;
        return again;
    }

    private static Struct Stage(int side, int steps, params (string Name, int Value)[] fields)
    {
        var stage = new Struct();
        foreach ((string name, int value) in ((string, int)[])[("width", side), ("height", side), ("steps", steps), ("guidance_scale", 4), .. fields])
        {
            stage.Fields[name] = Value.ForNumber(value);
        }
        return stage;
    }

    private static Struct Scheduler(string name, params (string Name, string Value)[] options)
    {
        var scheduler = new Struct { Fields = { ["_class_name"] = Value.ForString(name) } };
        foreach ((string option, string value) in options)
        {
            scheduler.Fields[option] = Value.ForString(value);
        }
        return scheduler;
    }
}
