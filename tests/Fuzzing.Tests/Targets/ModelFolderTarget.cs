using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Imaging.Preparation;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Descriptions in models' folders: configurations, schedulers, manifests, cascades.</summary>
internal sealed class ModelFolderTarget : FuzzTarget
{
    private const string Cascades = "cascade";

    private static readonly string[] Names =
        ["tiny-sd15", "tiny-sd15-controlnet", "tiny-sdxl", "tiny-sd3", "tiny-flux-dev", "tiny-if-sr", "tiny-karlo-variation", "tiny-x4-upscaler",
            "tiny-sd15-legacy", "tiny-taesd"];

    private readonly Dictionary<string, FolderFile> _folders = Names.ToDictionary(
        name => name, name => new FolderFile(Path.Combine(SeedFiles.Models, name)), StringComparer.Ordinal);

    private readonly TemporaryFolder _cascade = new();

    public ModelFolderTarget()
    {
        Directory.CreateDirectory(_cascade.Combine("pair"));
        foreach (string model in (string[])["tiny-if", "tiny-if-sr"])
        {
            Directory.CreateSymbolicLink(_cascade.Combine(model), Path.Combine(SeedFiles.Models, model));
        }
    }

    public override int CasesPerSecond => 200;

    public override IReadOnlyList<string> Tokens =>
    [
        "_class_name", "in_channels", "out_channels", "sample_size", "cross_attention_dim", "block_out_channels", "scaling_factor", "shift_factor",
        "latent_channels", "num_train_timesteps",
        "beta_schedule", "prediction_type", "trained_betas", "EulerDiscreteScheduler", "DDPMScheduler", "Infinity", "-Infinity", "NaN", "sigma_min",
        "steps", "defaults", "stages",
        "model", "title", "examples", "addition_embed_type", "image_size", "crop_size", "image_mean", "image_std", "resample",
        "requires_safety_checker", "time_cond_proj_dim",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        foreach ((string name, FolderFile folder) in _folders)
        {
            foreach (string file in Directory.EnumerateFiles(folder.FullPath, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                string relative = Path.GetRelativePath(folder.FullPath, file);
                if (!relative.Contains("tokenizer", StringComparison.Ordinal))
                {
                    yield return new FuzzInput($"{name}/{relative}", File.ReadAllBytes(file));
                }
            }
        }
        foreach (FuzzInput text in SeedFiles.Texts(
            "tiny-sd15/brownian.json",
            """{"title": "a", "examples": ["b"], "scaling_factor": 0.18, "defaults": {"steps": 4, "scheduler": {"_class_name": "Euler Karras"}}}""",
            """{"license": "MIT", "attribution": "c", "defaults": {"scheduler": "EulerDiscreteScheduler", "height": 64, "width": 64}}"""))
        {
            yield return text;
        }
        foreach (FuzzInput text in SeedFiles.Texts(
            Cascades,
                """
                {"title": "a", "stages": [{"model": "../tiny-if", "role": "base"}, {"role": "super-resolution", "model": "../tiny-if-sr",
                 "settings": {"guidance_scale": 2}, "seed_offset": 1}]}
                """))
        {
            yield return text;
        }
    }

    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Json;

    // A schedule of up to 100,000 training timesteps in double precision, several times.
    public override long MaxAllocated(FuzzInput input) => (128L << 20) + 256L * input.Bytes.Length;

    public override void Run(FuzzInput input)
    {
        if (input.Kind == Cascades)
        {
            File.WriteAllBytes(_cascade.Combine("pair", "cascade.json"), input.Bytes);
            Cascade.Open(_cascade.Combine("pair"));
            return;
        }
        (string name, string file) = (input.Kind[..input.Kind.IndexOf('/', StringComparison.Ordinal)],
            input.Kind[(input.Kind.IndexOf('/', StringComparison.Ordinal) + 1)..]);
        FolderFile folder = _folders[name];
        folder.With(file, input.Bytes, () =>
        {
            ModelFolder model = ModelFolder.Open(folder.FullPath);
            if (model.Scheduler is { } scheduler)
            {
                Start(scheduler);
            }
            ModelFamilies.Require(model);
            ModelFamilies.NameOf(ModelFamilies.Read(model));
            ModelFamilies.CardOf(model, ModelFamilies.Read(model));
            foreach (string directory in Directory.GetDirectories(folder.FullPath))
            {
                if (File.Exists(Path.Combine(directory, "preprocessor_config.json")))
                {
                    ClipPreparation.Read(directory);
                }
            }
        });
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException or FieldFaultException;

    public override void Dispose()
    {
        foreach (FolderFile folder in _folders.Values)
        {
            folder.Dispose();
        }
        _cascade.Dispose();
        base.Dispose();
    }

    private static void Start(JsonObject config)
    {
        try
        {
            SchedulerCatalog.Create(config).Start(new SamplingOptions { Steps = 5 });
        }
        catch (FieldFaultException)
        {
            // Some schedulers need more than a number of steps.
        }
    }
}
