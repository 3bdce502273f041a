using Brownian.Adapters;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Tokenizers;

namespace Brownian.Inference.Engines;

/// <summary>Loads engines from models' folders.</summary>
/// <param name="settings">The session settings.</param>
/// <param name="graphs">The weights that adapters change.</param>
internal sealed class EngineLoader(SessionSettings settings, AdapterGraphs graphs)
{
    /// <summary>Loads a model's text encoders, with adapters if any.</summary>
    public ILocalTextEncoder LoadTextEncoder(ModelFolder model, AdapterSet? set, string key)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        if (facts.Text is { } text)
        {
            return LoadJointTextEncoder(model, facts, text);
        }
        var encoders = new List<(ClipTokenizer, OnnxGraph)>();
        try
        {
            foreach ((string part, string? tokenizer) in new[] { ("text_encoder", model.Tokenizer), ("text_encoder_2", model.SecondTokenizer) })
            {
                if (model.Graphs.ContainsKey(part))
                {
                    ClipTokenizer words = ClipTokenizer.Load(tokenizer!);
                    encoders.Add(
                        (
                            set is { Tokens.Count: > 0 }
                                ? words.WithTokens(set.Tokens, graphs.Weights(model)[part].TokenEmbeddings?.Rows)
                                : words, LoadGraph(model, part, set)));
                }
            }
            return new LocalTextEncoder(encoders, facts.IsXl, key, isMasked: facts.Family == Unclip.FamilyKey);
        }
        catch
        {
            encoders.ForEach(encoder => encoder.Item2.Dispose());
            throw;
        }
    }

    /// <summary>Loads a denoiser, with adapters if any.</summary>
    public LocalDenoiser LoadDenoiser(ModelFolder model, string part, AdapterSet? set) => new(
        LoadGraph(model, part, set), model.Graphs.GetValueOrDefault(part + ModelFolder.PerturbedSuffix));

    /// <summary>Loads the image encoder.</summary>
    public LocalImageEncoder LoadImageEncoder(ModelFolder model) =>
        new(OnnxGraph.Load(model.Require("image_encoder").File, settings), ClipPreparation.Read(model.FolderPath));

    /// <summary>Loads the projection of texts and images.</summary>
    public LocalTextProjection LoadTextProjection(ModelFolder model) => new(
        OnnxGraph.Load(model.Require("text_proj").File, settings),
        model.RequireNumbers("text_proj", "learned_classifier_free_guidance_embeddings.npy"),
        model.Graphs.ContainsKey("prior") ? (model.RequireNumbers("prior", "clip_mean.npy"), model.RequireNumbers("prior", "clip_std.npy")) : null);

    /// <summary>Loads the VAE decoder.</summary>
    public LocalVaeDecoder LoadVaeDecoder(ModelFolder model)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        return new(OnnxGraph.Load(model.Require("vae_decoder").File, settings), facts.Scaling, facts.Tiling());
    }

    /// <summary>Loads the small decoder of previews.</summary>
    public LocalVaeDecoder LoadPreviewDecoder(ModelFolder model)
    {
        GraphFile graph = model.Require("preview_decoder");
        ModelFacts facts = ModelFacts.ReadDecoder(graph);
        return new(OnnxGraph.Load(graph.File, settings), facts.Scaling, facts.Tiling());
    }

    /// <summary>Loads an upscaler.</summary>
    public LocalImageUpscaler LoadImageUpscaler(ModelFolder model)
    {
        GraphFile file = model.Require(ImageUpscaler.Part);
        OnnxGraph graph = OnnxGraph.Load(file.File, settings);
        try
        {
            return new LocalImageUpscaler(graph, ImageUpscalerConfig.Read(file));
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Loads the VAE encoder.</summary>
    public LocalVaeEncoder LoadVaeEncoder(ModelFolder model) =>
        new(OnnxGraph.Load(model.Require("vae_encoder").File, settings), ModelFamilies.Read(model).Tiling());

    /// <summary>Loads a ControlNet's graph.</summary>
    public ControlNetGraph LoadControlNet(GraphFile file) => new(OnnxGraph.Load(file.File, settings));

    private OnnxGraph LoadGraph(ModelFolder model, string part, AdapterSet? set)
    {
        string file = model.Require(part).File;
        return set?.KeyOf(part) is { } key ? OnnxGraph.Load(file, key, () => set.Patch(part, graphs.Weights(model)[part]), settings)
            : OnnxGraph.Load(file, settings);
    }

    private JointTextEncoder LoadJointTextEncoder(ModelFolder model, ModelFacts facts, TextFacts text)
    {
        var loaded = new List<OnnxGraph>();
        try
        {
            (ClipTokenizer, OnnxGraph)[] clips =
                [.. text.Clips.Select(part => (ClipTokenizer.Load(model.RequireFolder(TokenizerOf(part))), Load(part)))];
            (T5Tokenizer, OnnxGraph)? t5 = text.T5 is { } last ? (T5Tokenizer.Load(model.RequireFolder(TokenizerOf(last))), Load(last)) : null;
            return new JointTextEncoder(clips, t5, text.Join, facts.EmbeddingWidth ?? 0, text.Window);
        }
        catch
        {
            loaded.ForEach(graph => graph.Dispose());
            throw;
        }

        static string TokenizerOf(string part) => part.Replace("text_encoder", "tokenizer", StringComparison.Ordinal);

        OnnxGraph Load(string part)
        {
            loaded.Add(OnnxGraph.Load(model.Require(part).File, settings));
            return loaded[^1];
        }
    }
}
