using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.SingleFiles;

namespace Brownian.Import.Folders;

/// <summary>The text encoders and tokenizers of a model in one file: the file's own, and those that were named beside it.</summary>
internal sealed class TextEncoders
{
    private readonly SingleFileReader _reader;
    private readonly TextSlot[] _slots;
    private readonly Dictionary<string, GivenEncoder> _given = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _configs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tokenizers = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    /// <param name="reader">The reader of the model's file.</param>
    /// <param name="slots">The text encoders that the model has.</param>
    /// <exception cref="ModelException">A file of a text encoder cannot be read.</exception>
    public TextEncoders(SingleFileReader reader, IEnumerable<TextSlot> slots)
    {
        (_reader, _slots) = (reader, [.. slots]);
        foreach (GivenEncoder given in reader.Settings.TextEncoders.SelectMany(Open))
        {
            TextEncoderKind kind = KindOf(given);
            if (_slots.FirstOrDefault(slot => slot.Kind == kind) is not { } slot)
            {
                _faults.Add(
                    $"{given.Path} is a text encoder of the kind {TextSlot.NameOf(kind)}, which the model does not have; it has: "
                        + string.Join(", ", _slots.Select(slot => slot.Name)));
            }
            else if (!_given.TryAdd(slot.Part, given))
            {
                _faults.Add($"{_given[slot.Part].Path} and {given.Path} are both {slot.Name} text encoders, of which the model has one");
            }
        }
        foreach (TextSlot slot in _slots)
        {
            if (ConfigOf(slot) is { } config)
            {
                _configs[slot.Part] = config;
            }
        }
    }

    /// <summary>The parts that the model has.</summary>
    public IReadOnlyCollection<string> Parts => _configs.Keys;

    /// <summary>Whether one of them was named beside the model's file.</summary>
    public bool AreGiven => _given.Count > 0;

    /// <summary>The folders of the tokenizers that were made.</summary>
    public IReadOnlyCollection<string> Tokenizers => _tokenizers;

    /// <summary>Returns a size of an encoder; null when the model does not have the encoder.</summary>
    /// <param name="part">The part.</param>
    /// <param name="key">The key of its configuration, which is 512 when it is left out, as in transformers.</param>
    public int? WidthOf(string part, string key) =>
        _configs.TryGetValue(part, out JsonObject? config) ? JsonFile.Integer(config[key]) ?? 512 : null;

    /// <summary>Builds the graphs of the encoders, and adds their tokenizers.</summary>
    /// <param name="parts">Receives the graphs and what is wrong.</param>
    public void Read(PartReader parts)
    {
        parts.Faults.AddRange(_faults);
        foreach (TextSlot slot in _slots)
        {
            if (!_configs.TryGetValue(slot.Part, out JsonObject? config))
            {
                if (!slot.IsOptional)
                {
                    parts.Faults.Add($"it has no {slot.Name} text encoder; give its file or folder with --text-encoder");
                }
                continue;
            }
            TextEncoderWeights weights = WeightsOf(slot)!;
            _reader.Read(parts, slot.Part, config, weights.Parameters());
            AddTokenizer(parts, slot, weights);
        }
        if (_reader.Settings.Tokenizer is not null && !_slots.Any(slot => slot.Kind == TextEncoderKind.T5 && _configs.ContainsKey(slot.Part)))
        {
            parts.Faults.Add("a tokenizer was given (--tokenizer), but the model has no T5 text encoder");
        }
    }

    private TextEncoderWeights? WeightsOf(TextSlot slot) => _given.GetValueOrDefault(slot.Part)?.Weights ?? slot.Own;

    private IEnumerable<GivenEncoder> Open(string path)
    {
        bool isFolder = Directory.Exists(path);
        var set = isFolder
            ? WeightSet.Open(WeightSet.Find(path, null) ?? throw new ModelException($"{path} has no weights (*.safetensors, *.bin)"))
            : WeightSet.OpenFile(path);
        _reader.Sets.Add(set);
        JsonObject? config = isFolder ? JsonFile.ReadIfThere(Path.Combine(path, DiffusersFolder.Config)) : null;
        string? tokenizer = isFolder ? TokenizerFiles.FolderOf(path) : null;
        GivenEncoder[] found = [.. TextEncoderWeights.FindAll(set).Select(weights => new GivenEncoder(path, weights, config, tokenizer))];
        if (found.Length == 0)
        {
            _faults.Add($"{path} has no text encoder of CLIP, OpenCLIP or T5 in the names of transformers, OpenCLIP or llama.cpp");
        }
        return found;
    }

    /// <summary>
    /// Returns the kind of a given encoder. Its configuration tells CLIP from OpenCLIP by the activation, a folder of configurations by the width.
    /// </summary>
    private TextEncoderKind KindOf(GivenEncoder given)
    {
        if (given.Weights.Kind == TextEncoderKind.T5)
        {
            return TextEncoderKind.T5;
        }
        if (given.Config is { } config)
        {
            return config["hidden_act"]?.ToString() is null or "quick_gelu" ? TextEncoderKind.Clip : TextEncoderKind.OpenClip;
        }
        return _reader.Settings.ConfigFolder is not null && _slots.FirstOrDefault(
            slot => slot.Kind != TextEncoderKind.T5
                && (JsonFile.Integer(_reader.ConfigOf(slot.Part, static () => [])["hidden_size"]) ?? 512) == given.Weights.Table.Width) is { } slot
            ? slot.Kind
            : given.Weights.Kind;
    }

    private JsonObject? ConfigOf(TextSlot slot)
    {
        if (WeightsOf(slot) is not { } weights)
        {
            return null;
        }
        JsonObject? own = _given.GetValueOrDefault(slot.Part)?.Config;
        JsonObject config = own ?? _reader.ConfigOf(slot.Part, () => weights.Config(slot.Kind, slot.IsProjected));
        if (slot.Kind != TextEncoderKind.T5 && !(slot.IsProjectedByConfig && own is not null))
        {
            config["architectures"] = new JsonArray(slot.IsProjected ? "CLIPTextModelWithProjection" : "CLIPTextModel");
        }
        return config;
    }

    private void AddTokenizer(PartReader parts, TextSlot slot, TextEncoderWeights weights)
    {
        bool isT5 = slot.Kind == TextEncoderKind.T5;
        string? folder = (isT5 ? _reader.Settings.Tokenizer : null) ?? _given.GetValueOrDefault(slot.Part)?.Tokenizer;
        if (folder is null && _reader.Settings.ConfigFolder is not null)
        {
            // That folder's tokenizers are copied with its scheduler.
            return;
        }
        if (folder is not null)
        {
            _tokenizers.Add(slot.Tokenizer);
            _reader.Files.AddRange(TokenizerFiles.CopiesOf(folder, slot.Tokenizer));
            if (isT5 && !TokenizerFiles.IsT5(folder))
            {
                parts.Faults.Add($"{folder} is no tokenizer of T5: it has neither spiece.model nor tokenizer.json");
            }
        }
        else if (isT5)
        {
            parts.Faults.Add(
                "the tokenizer of its T5 text encoder is not part of Brownian; give the folder that has its spiece.model or tokenizer.json with "
                    + "--tokenizer, or a diffusers folder of the family with --config");
        }
        else if (weights.Table.Tokens is var tokens && tokens != TokenizerFiles.Vocabulary)
        {
            parts.Faults.Add(
                $"its text encoder has {tokens} tokens, CLIP's {TokenizerFiles.Vocabulary}; name a folder with its tokenizer (--config)");
        }
        else
        {
            _reader.Files.AddRange(TokenizerFiles.Of(slot.Tokenizer, slot.Kind == TextEncoderKind.OpenClip ? "!" : null));
        }
    }
}
