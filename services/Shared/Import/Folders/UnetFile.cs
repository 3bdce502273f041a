using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.SingleFiles;
using Brownian.Import.Weights;

namespace Brownian.Import.Folders;

/// <summary>Reads a model with a UNet in one file with Stability's names: Stable Diffusion 1.x, 2.x, XL and XL's refiner.</summary>
internal sealed class UnetFile : SingleFileReader
{
    private const string Clip = "cond_stage_model.transformer.", OpenClip = "cond_stage_model.model.";
    private const string XlClip = "conditioner.embedders.0.transformer.", XlOpenClip = "conditioner.embedders.1.model.";
    private const string RefinerOpenClip = "conditioner.embedders.0.model.";
    private const string Epsilon = "epsilon", V = "v_prediction";

    private readonly DerivedConfigs _derived;
    private readonly bool _isXl;
    private readonly bool _isRefiner;
    private readonly bool _isSecond;

    /// <param name="set">The file.</param>
    /// <param name="settings">How it is imported.</param>
    public UnetFile(WeightSet set, ImportSettings settings)
        : base(set, settings)
    {
        _derived = new DerivedConfigs(set);
        _isXl = Has(XlOpenClip);
        _isRefiner = !_isXl && Has(RefinerOpenClip);
        _isSecond = Has(OpenClip);
    }

    /// <inheritdoc/>
    public override PartReader ReadParts()
    {
        JsonObject unet = ConfigOf("unet", () => _derived.OfUnet(SampleSize));
        var texts = new TextEncoders(this, Slots());
        var parts = new PartReader(Settings.Graphs)
        {
            PooledWidth = _isXl || _isRefiner ? texts.WidthOf("text_encoder_2", "projection_dim") : null,
            TakesControlNets = Settings.TakesControlNets,
        };
        int levels = unet["block_out_channels"] is JsonArray channels ? channels.Count : 0;
        int layers = JsonFile.Integer(unet["layers_per_block"]) ?? 2;
        Read(parts, "unet", unet, new Parameters(Set.Name, name => FindUnet(name, levels, layers)));
        texts.Read(parts);
        int width = JsonFile.Integer(unet["cross_attention_dim"]) ?? 1280;
        if (texts.Parts.Sum(part => texts.WidthOf(part, "hidden_size")) is { } given && given != width && texts.AreGiven)
        {
            parts.Faults.Add($"its text encoders are {given} wide, but its UNet takes text of {width}");
        }
        ReadAutoencoder(parts, _isXl || _isRefiner ? 0.13025 : 0.18215);
        if (Settings.ConfigFolder is { } folder)
        {
            CopyFiles(folder, texts.Tokenizers);
        }
        else
        {
            // A file's own prediction may be unknown; a folder's scheduler states it.
            Files.Add(TokenizerFiles.Text("scheduler/scheduler_config.json", Scheduler(Prediction(parts.Notes))));
            Files.Add(TokenizerFiles.Text(DiffusersFolder.ModelIndex, ModelIndex()));
        }
        return parts;
    }

    private IEnumerable<TextSlot> Slots()
    {
        if (_isXl || _isRefiner)
        {
            if (_isXl)
            {
                yield return Slot("text_encoder", TextEncoderKind.Clip, XlClip);
            }
            yield return Slot("text_encoder_2", TextEncoderKind.OpenClip, _isXl ? XlOpenClip : RefinerOpenClip) with { IsProjected = true };
        }
        else
        {
            yield return _isSecond ? Slot("text_encoder", TextEncoderKind.OpenClip, OpenClip) : Slot("text_encoder", TextEncoderKind.Clip, Clip);
        }

        TextSlot Slot(string part, TextEncoderKind kind, string prefix) => new(part, kind, TextEncoderWeights.Find(Set, prefix, kind));
    }

    /// <summary>The size of the latents that the family's models are made for.</summary>
    private int SampleSize => _isXl || _isRefiner ? 128 : _isSecond && Prediction(null) == V ? 96 : 64;

    private Parameter? FindUnet(string name, int levels, int layers)
    {
        int end = name.LastIndexOf('.');
        int[] down = [.. Enumerable.Repeat(layers, levels)], up = [.. Enumerable.Repeat(layers + 1, levels)];
        if (end < 0 || StabilityNames.Of(name[..end], down, up, UpperAttends) is not { } module)
        {
            return null;
        }
        string stability = module + name[end..];
        return Parameters.Find(Set, Settings.UsesAverages ? AveragesOf(stability) : DerivedConfigs.Unet + stability);

        bool UpperAttends(int block) => Has($"{DerivedConfigs.Unet}output_blocks.{((block + 1) * (layers + 1)) - 1}.2.");
    }

    /// <summary>The name of averaged weights, which has no dots.</summary>
    private static string AveragesOf(string name) =>
        "model_ema.diffusion_model" + name.Replace(".", "", StringComparison.Ordinal);

    /// <summary>Returns what the model predicts, by the settings, the file's facts, or the family's usual.</summary>
    /// <param name="notes">Receives what was assumed; null for nothing.</param>
    private string Prediction(List<string>? notes)
    {
        if (Settings.PredictionType is { } given)
        {
            return given;
        }
        if (Set.Metadata.GetValueOrDefault("modelspec.prediction_type") is { } stated)
        {
            return stated.StartsWith('v') ? V : Epsilon;
        }
        // Trainers of XL models with v prediction mark them by an empty tensor.
        if (Set.Tensors.ContainsKey("v_pred"))
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
        if (Set.Tensors.ContainsKey("ztsnr"))
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
