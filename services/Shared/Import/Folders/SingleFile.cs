using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Configs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;

namespace Brownian.Import.Folders;

/// <summary>
/// Reads a model in one file with Stability's names. The family is told by the names of the tensors, never by the file's name.
/// </summary>
internal sealed class SingleFile
{
    private const string FirstStage = "first_stage_model.", Clip = "cond_stage_model.transformer.", OpenClip = "cond_stage_model.model.";
    private const string XlClip = "conditioner.embedders.0.transformer.", XlOpenClip = "conditioner.embedders.1.model.";
    private const string RefinerOpenClip = "conditioner.embedders.0.model.";
    private const string Epsilon = "epsilon", V = "v_prediction";

    private readonly WeightSet _set;
    private readonly ImportSettings _settings;
    private readonly DerivedConfigs _derived;
    private readonly List<WeightSet> _sets;
    private readonly List<ImportedFile> _files = [];
    private readonly bool _isXl;
    private readonly bool _isRefiner;
    private readonly bool _isSecond;

    private SingleFile(WeightSet set, ImportSettings settings)
    {
        (_set, _settings, _sets) = (set, settings, [set]);
        _derived = new DerivedConfigs(set);
        _isXl = Has(XlOpenClip);
        _isRefiner = !_isXl && Has(RefinerOpenClip);
        _isSecond = Has(OpenClip);
    }

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="settings">How it is imported.</param>
    public static CheckpointSource Read(string file, ImportSettings settings)
    {
        if (settings.ConfigFolder is { } folder && !File.Exists(Path.Combine(folder, DiffusersFolder.ModelIndex)))
        {
            throw new ModelException($"{folder} is not a diffusers folder: it has no {DiffusersFolder.ModelIndex}");
        }
        var set = WeightSet.OpenFile(file);
        SingleFile? reader = null;
        try
        {
            if (UpscalerWeights.Find(set) is { } upscaler)
            {
                return UpscalerFile.Read(file, set, upscaler, settings);
            }
            SingleFileKind.Require(set);
            reader = new SingleFile(set, settings);
            PartReader parts = reader.ReadParts();
            if (parts.Faults.Count > 0)
            {
                throw new ModelException($"{file} cannot be imported: {string.Join("; ", parts.Faults)}");
            }
            return new CheckpointSource(Path.GetFullPath(file), parts, reader._files, reader._sets)
            {
                License = set.Metadata.GetValueOrDefault("modelspec.license"),
                Identity = CheckpointSource.IdentityOf(
                    settings, [file, .. FilesIn(settings.ConfigFolder), .. FilesIn(settings.Autoencoder)]),
            };
        }
        catch
        {
            foreach (WeightSet opened in reader?._sets ?? [set])
            {
                opened.Dispose();
            }
            throw;
        }
    }

    private static IEnumerable<string> FilesIn(string? path) => path is null ? []
        : Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
        : [path];

    private bool Has(string prefix) => _set.Tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

    private PartReader ReadParts()
    {
        // A file's own prediction may be unknown; a folder's scheduler states it.
        var notes = new List<string>();
        JsonObject unet = ConfigOf("unet", () => _derived.OfUnet(SampleSize));
        JsonObject autoencoder = ConfigOf("vae", () => _derived.OfAutoencoder(FirstStage, _isXl || _isRefiner ? 0.13025 : 0.18215));
        string second = _isXl ? XlOpenClip : RefinerOpenClip;
        JsonObject? projected = _isXl || _isRefiner ? ConfigOf("text_encoder_2", () => _derived.OfOpenClip(second, isProjected: true)) : null;
        var parts = new PartReader(_settings.Graphs)
        {
            PooledWidth = projected is null ? null : JsonFile.Integer(projected["projection_dim"]) ?? 512,
        };
        int levels = unet["block_out_channels"] is JsonArray channels ? channels.Count : 0;
        int layers = JsonFile.Integer(unet["layers_per_block"]) ?? 2;
        Read(parts, "unet", unet, new Parameters(_set.Name, name => FindUnet(name, levels, layers)));
        if (_isXl || _isRefiner)
        {
            if (_isXl)
            {
                JsonObject first = ConfigOf("text_encoder", () => _derived.OfClip(XlClip + "text_model."));
                Read(parts, "text_encoder", first, new Parameters(_set.Name, name => Parameters.Find(_set, XlClip + name)));
            }
            Read(parts, "text_encoder_2", projected!, new Parameters(_set.Name, name => OpenClipNames.Find(_set, second, name)));
        }
        else if (_isSecond)
        {
            JsonObject encoder = ConfigOf("text_encoder", () => _derived.OfOpenClip(OpenClip, isProjected: false));
            Read(parts, "text_encoder", encoder, new Parameters(_set.Name, name => OpenClipNames.Find(_set, OpenClip, name)));
        }
        else if (Has(Clip))
        {
            // Older files lack the prefix of the text model.
            string prefix = Has(Clip + "text_model.") ? Clip + "text_model." : Clip;
            JsonObject encoder = ConfigOf("text_encoder", () => _derived.OfClip(prefix));
            Read(parts, "text_encoder", encoder, Parameters.Of(
                _set, _set.Name, name => [.. ReferenceNames.OfClipText(name).Select(candidate => Clip + candidate)]));
        }
        else
        {
            parts.Faults.Add("it has no text encoder");
        }
        ReadAutoencoder(parts, autoencoder);
        if (_settings.ConfigFolder is { } folder)
        {
            CopyFiles(folder);
        }
        else
        {
            MakeFiles(notes, parts);
        }
        parts.Notes.AddRange(notes);
        return parts;
    }

    /// <summary>The size of the latents that the family's models are made for.</summary>
    private int SampleSize => _isXl || _isRefiner ? 128 : _isSecond && Prediction(null) == V ? 96 : 64;

    private JsonObject ConfigOf(string part, Func<JsonObject> derive) => _settings.ConfigFolder is { } folder
        ? JsonFile.Read(Path.Combine(folder, part, DiffusersFolder.Config))
        // Numbers that were parsed are of any type, those that were assigned of one.
        : JsonNode.Parse(derive().ToJsonString())!.AsObject();

    private void Read(PartReader parts, string part, JsonObject config, Parameters parameters) => parts.Read(
        part, new NetworkConfig(config, _settings.ConfigFolder is null ? $"{_set.Name}, {part}" : $"{part}/{DiffusersFolder.Config}"), parameters);

    private Parameter? FindUnet(string name, int levels, int layers)
    {
        int end = name.LastIndexOf('.');
        int[] down = [.. Enumerable.Repeat(layers, levels)], up = [.. Enumerable.Repeat(layers + 1, levels)];
        if (end < 0 || StabilityNames.Of(name[..end], down, up, UpperAttends) is not { } module)
        {
            return null;
        }
        string stability = module + name[end..];
        return Parameters.Find(_set, _settings.UsesAverages ? AveragesOf(stability) : DerivedConfigs.Unet + stability);

        bool UpperAttends(int block) => Has($"{DerivedConfigs.Unet}output_blocks.{((block + 1) * (layers + 1)) - 1}.2.");
    }

    /// <summary>The name of averaged weights, which has no dots.</summary>
    private static string AveragesOf(string name) =>
        "model_ema.diffusion_model" + name.Replace(".", "", StringComparison.Ordinal);

    private void ReadAutoencoder(PartReader parts, JsonObject config)
    {
        if (_settings.Autoencoder is not { } path)
        {
            Read(parts, "vae", config, new Parameters(_set.Name, name => FindAutoencoder(_set, FirstStage, config, name)));
            return;
        }
        if (Directory.Exists(path))
        {
            string file = WeightSet.Find(path, _settings.Variant)
                ?? throw new ModelException($"{path} has no weights (*.safetensors, *.bin)");
            var folderSet = WeightSet.Open(file);
            _sets.Add(folderSet);
            string own = Path.Combine(path, DiffusersFolder.Config);
            parts.Read("vae", new NetworkConfig(JsonFile.Read(own), own), folderSet, path);
            return;
        }
        var set = WeightSet.OpenFile(path);
        _sets.Add(set);
        string prefix = set.Tensors.Keys.Any(name => name.StartsWith(FirstStage, StringComparison.Ordinal)) ? FirstStage : "";
        if (set.Tensors.ContainsKey(prefix + "decoder.up.0.block.0.conv1.weight"))
        {
            JsonObject derived = _settings.ConfigFolder is null
                ? new DerivedConfigs(set).OfAutoencoder(prefix, config["scaling_factor"]?.GetValue<double>() ?? 0.18215)
                : config;
            Read(parts, "vae", derived, new Parameters(set.Name, name => FindAutoencoder(set, prefix, derived, name)));
        }
        else
        {
            // In diffusers' names, whose shapes are those of the file's own.
            parts.Read("vae", new NetworkConfig(config, $"{set.Name}, vae"), set, set.Name);
        }
    }

    private static Parameter? FindAutoencoder(WeightSet set, string prefix, JsonObject config, string name)
    {
        int levels = config["block_out_channels"] is JsonArray channels ? channels.Count : 0;
        return AutoencoderNames.Of(name, levels) is not { } other || Parameters.Find(set, prefix + other) is not { } found ? null
            // Its attention is stored as convolutions.
            : name.Contains(".attentions.", StringComparison.Ordinal) && found.Shape is [var rows, var columns, 1, 1]
            ? found with { Shape = [rows, columns] }
            : found;
    }

    private void CopyFiles(string folder)
    {
        _files.Add(new ImportedFile(DiffusersFolder.ModelIndex, () => File.OpenRead(Path.Combine(folder, DiffusersFolder.ModelIndex))));
        foreach (string directory in Directory.GetDirectories(folder).Where(DiffusersFolder.IsCopied).Order(StringComparer.Ordinal))
        {
            _files.AddRange(DiffusersFolder.CopiesOf(directory));
        }
    }

    private void MakeFiles(List<string> notes, PartReader parts)
    {
        int tokens = _set.Tensors.Where(tensor => tensor.Key.EndsWith("token_embedding.weight", StringComparison.Ordinal))
            .Select(tensor => tensor.Value.Shape[0]).FirstOrDefault(TokenizerFiles.Vocabulary);
        if (tokens != TokenizerFiles.Vocabulary)
        {
            parts.Faults.Add(
                $"its text encoder has {tokens} tokens, CLIP's {TokenizerFiles.Vocabulary}; name a folder with its tokenizer (--config)");
        }
        string prediction = Prediction(notes);
        _files.Add(TokenizerFiles.Text("scheduler/scheduler_config.json", Scheduler(prediction)));
        if (!_isRefiner)
        {
            _files.AddRange(TokenizerFiles.Of("tokenizer", _isSecond ? "!" : null));
        }
        if (_isXl || _isRefiner)
        {
            _files.AddRange(TokenizerFiles.Of("tokenizer_2", "!"));
        }
        _files.Add(TokenizerFiles.Text(DiffusersFolder.ModelIndex, ModelIndex()));
    }

    /// <summary>Returns what the model predicts, by the settings, the file's facts, or the family's usual.</summary>
    /// <param name="notes">Receives what was assumed; null for nothing.</param>
    private string Prediction(List<string>? notes)
    {
        if (_settings.PredictionType is { } given)
        {
            return given;
        }
        if (_set.Metadata.GetValueOrDefault("modelspec.prediction_type") is { } stated)
        {
            return stated.StartsWith('v') ? V : Epsilon;
        }
        // Trainers of XL models with v prediction mark them by an empty tensor.
        if (_set.Tensors.ContainsKey("v_pred"))
        {
            return V;
        }
        if (!_isSecond)
        {
            return Epsilon;
        }
        notes?.Add(
            "the file does not say what the model predicts; assumed: v_prediction, as Stable Diffusion 2.x for 768 pixels. Give --prediction epsilon "
                + "for a base model of 512 pixels");
        return V;
    }

    private JsonObject Scheduler(string prediction)
    {
        var scheduler = new JsonObject
        {
            ["_class_name"] = _isXl || _isRefiner ? "EulerDiscreteScheduler" : _isSecond ? "DDIMScheduler" : "PNDMScheduler",
            ["beta_end"] = 0.012,
            ["beta_schedule"] = "scaled_linear",
            ["beta_start"] = 0.00085,
            ["num_train_timesteps"] = 1000,
            ["prediction_type"] = prediction,
            ["steps_offset"] = 1,
        };
        if (_isXl || _isRefiner)
        {
            scheduler["timestep_spacing"] = "leading";
        }
        else
        {
            scheduler["clip_sample"] = false;
            scheduler["set_alpha_to_one"] = false;
        }
        if (!_isXl && !_isRefiner && !_isSecond)
        {
            scheduler.Remove("clip_sample");
            scheduler["skip_prk_steps"] = true;
        }
        if (_set.Tensors.ContainsKey("ztsnr"))
        {
            scheduler["rescale_betas_zero_snr"] = true;
        }
        return scheduler;
    }

    private JsonObject ModelIndex()
    {
        string name = (_isXl || _isRefiner ? "StableDiffusionXL" : "StableDiffusion") + (_isRefiner ? "Img2Img" : _derived.InputChannels switch
        {
            9 => "Inpaint",
            8 => "InstructPix2Pix",
            _ => "",
        }) + "Pipeline";
        var index = new JsonObject
        {
            ["_class_name"] = name,
            ["scheduler"] = new JsonArray("diffusers", (string?)Scheduler(Epsilon)["_class_name"]),
            ["unet"] = new JsonArray("diffusers", "UNet2DConditionModel"),
            ["vae"] = new JsonArray("diffusers", "AutoencoderKL"),
        };
        if (!_isRefiner)
        {
            index["text_encoder"] = new JsonArray("transformers", "CLIPTextModel");
            index["tokenizer"] = new JsonArray("transformers", "CLIPTokenizer");
        }
        if (_isXl || _isRefiner)
        {
            index["text_encoder_2"] = new JsonArray("transformers", "CLIPTextModelWithProjection");
            index["tokenizer_2"] = new JsonArray("transformers", "CLIPTokenizer");
            index["force_zeros_for_empty_prompt"] = _isXl;
        }
        if (_isRefiner)
        {
            index["requires_aesthetics_score"] = true;
        }
        return index;
    }
}
