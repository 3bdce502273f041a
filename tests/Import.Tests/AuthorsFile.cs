using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Weights;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Import.Tests;

/// <summary>
/// The tensors of a diffusers folder of Stable Diffusion 3 or Flux, as their authors' files have them. The renaming is the inverse of the functions
/// of diffusers' <c>loaders/single_file_utils.py</c>, written from their text.
/// </summary>
internal sealed class AuthorsFile
{
    /// <summary>The prefix of the transformer in files of whole models.</summary>
    public const string Prefix = "model.diffusion_model.";

    private readonly Dictionary<string, (int[] Shape, float[] Values)> _source = new(StringComparer.Ordinal);

    /// <summary>The tensors.</summary>
    public SortedDictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Returns the tensors of a Stable Diffusion 1.x that its networks use.</summary>
    /// <param name="path">A file with its authors' names.</param>
    public static AuthorsFile Read(string path)
    {
        string[] networks = [Prefix, "first_stage_model.", "cond_stage_model."];
        using var set = WeightSet.OpenFile(path);
        return new AuthorsFile().Add(set.Tensors.Values
            .Where(tensor => networks.Any(network => tensor.Name.StartsWith(network, StringComparison.Ordinal)))
            .Where(tensor => !tensor.Name.EndsWith(".position_ids", StringComparison.Ordinal))
            .Select(tensor => KeyValuePair.Create(tensor.Name, (tensor.Shape.ToArray(), set.Read(tensor)))));
    }

    /// <summary>Returns the transformer of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="prefix">What the names begin with.</param>
    public static AuthorsFile Transformer(string folder, string prefix)
    {
        var file = new AuthorsFile();
        file.Take(Path.Combine(folder, "transformer"));
        var own = new SortedDictionary<string, (int[] Shape, float[] Values)>(StringComparer.Ordinal);
        if (file._source.Keys.Any(name => name.StartsWith("single_transformer_blocks.", StringComparison.Ordinal)))
        {
            file.ToFlux();
        }
        else
        {
            file.ToSd3();
        }
        Assert.Empty(file._source.Keys);
        foreach ((string name, (int[] Shape, float[] Values) tensor) in file.Tensors)
        {
            own[prefix + name] = tensor;
        }
        file.Tensors.Clear();
        return file.Add(own);
    }

    /// <summary>Adds a text encoder, without the projection that files of CLIP-L lack.</summary>
    /// <param name="encoder">Its folder.</param>
    /// <param name="prefix">What the names begin with.</param>
    public AuthorsFile AddText(string encoder, string prefix)
    {
        Take(encoder);
        bool isClipL = JsonNode.Parse(File.ReadAllText(Path.Combine(encoder, "config.json")))!["hidden_act"]?.ToString() == "quick_gelu";
        foreach ((string name, (int[] Shape, float[] Values) tensor) in _source.Where(tensor => !isClipL || tensor.Key != "text_projection.weight"))
        {
            Tensors[prefix + name] = tensor;
        }
        _source.Clear();
        return this;
    }

    /// <summary>Adds an autoencoder (the inverse of <c>convert_ldm_vae_checkpoint</c>).</summary>
    /// <param name="vae">Its folder.</param>
    /// <param name="prefix">What the names begin with.</param>
    public AuthorsFile AddAutoencoder(string vae, string prefix)
    {
        Take(vae);
        int levels = JsonNode.Parse(File.ReadAllText(Path.Combine(vae, "config.json")))!["block_out_channels"]!.AsArray().Count;
        foreach ((string name, (int[] Shape, float[] Values) tensor) in _source)
        {
            string stored = name.Replace(".conv_norm_out.", ".norm_out.", StringComparison.Ordinal)
                .Replace("conv_shortcut", "nin_shortcut", StringComparison.Ordinal)
                .Replace("mid_block.resnets.0", "mid.block_1", StringComparison.Ordinal)
                .Replace("mid_block.resnets.1", "mid.block_2", StringComparison.Ordinal)
                .Replace("mid_block.attentions.0", "mid.attn_1", StringComparison.Ordinal)
                .Replace("attn_1.group_norm", "attn_1.norm", StringComparison.Ordinal)
                .Replace("attn_1.to_q", "attn_1.q", StringComparison.Ordinal)
                .Replace("attn_1.to_k", "attn_1.k", StringComparison.Ordinal)
                .Replace("attn_1.to_v", "attn_1.v", StringComparison.Ordinal)
                .Replace("attn_1.to_out.0", "attn_1.proj_out", StringComparison.Ordinal);
            for (int i = 0; i < levels; i++)
            {
                stored = stored.Replace($"down_blocks.{i}.resnets", $"down.{i}.block", StringComparison.Ordinal)
                    .Replace($"down_blocks.{i}.downsamplers.0", $"down.{i}.downsample", StringComparison.Ordinal)
                    .Replace($"up_blocks.{i}.resnets", $"up.{levels - 1 - i}.block", StringComparison.Ordinal)
                    .Replace($"up_blocks.{i}.upsamplers.0", $"up.{levels - 1 - i}.upsample", StringComparison.Ordinal);
            }
            bool isConv = stored.Contains("attn_1.", StringComparison.Ordinal) && tensor.Shape.Length == 2;
            Tensors[prefix + stored] = isConv ? ([.. tensor.Shape, 1, 1], tensor.Values) : tensor;
        }
        _source.Clear();
        return this;
    }

    /// <summary>Writes a safetensors file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isHalf">Whether tensors of more than one dimension are float16.</param>
    public string Write(string path, bool isHalf = false)
    {
        var writer = new SafetensorsWriter();
        foreach ((string name, (int[] shape, float[] values)) in Tensors)
        {
            if (isHalf && shape.Length > 1)
            {
                writer.Tensor(name, "F16", HalfBytes(values), shape);
            }
            else
            {
                writer.Floats(name, values, shape);
            }
        }
        File.WriteAllBytes(path, writer.Bytes());
        return path;
    }

    /// <summary>Returns numbers as float16.</summary>
    public static byte[] HalfBytes(float[] values) => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))];

    private AuthorsFile Add(IEnumerable<KeyValuePair<string, (int[] Shape, float[] Values)>> tensors)
    {
        foreach ((string name, (int[] Shape, float[] Values) tensor) in tensors)
        {
            Tensors[name] = tensor;
        }
        return this;
    }

    private void Take(string folder)
    {
        using var set = WeightSet.Open(WeightSet.Find(folder, null)!);
        foreach (StoredTensor tensor in set.Tensors.Values)
        {
            _source[tensor.Name] = ([.. tensor.Shape], set.Read(tensor));
        }
    }

    private (int[] Shape, float[] Values) Pop(string name)
    {
        Assert.True(_source.Remove(name, out (int[] Shape, float[] Values) tensor), name);
        return tensor;
    }

    private void Move(string from, string to)
    {
        foreach (string end in (string[])[".weight", ".bias"])
        {
            Tensors[to + end] = Pop(from + end);
        }
    }

    private void Join(string to, params string[] from)
    {
        foreach (string end in (string[])[".weight", ".bias"])
        {
            (int[] Shape, float[] Values)[] parts = [.. from.Select(name => Pop(name + end))];
            Tensors[to + end] = ([parts.Sum(part => part.Shape[0]), .. parts[0].Shape[1..]], [.. parts.SelectMany(part => part.Values)]);
        }
    }

    /// <summary>Moves what diffusers has as [scale, shift] to [shift, scale].</summary>
    private void Swap(string from, string to)
    {
        foreach (string end in (string[])[".weight", ".bias"])
        {
            (int[] shape, float[] values) = Pop(from + end);
            int half = values.Length / 2;
            Tensors[to + end] = (shape, [.. values[half..], .. values[..half]]);
        }
    }

    private int Blocks(string list) => _source.Keys.Where(name => name.StartsWith(list + ".", StringComparison.Ordinal))
        .Max(name => int.Parse(name.Split('.')[1], CultureInfo.InvariantCulture)) + 1;

    private void ToSd3()
    {
        int layers = Blocks("transformer_blocks");
        Tensors["pos_embed"] = Pop("pos_embed.pos_embed");
        Move("pos_embed.proj", "x_embedder.proj");
        Move("time_text_embed.timestep_embedder.linear_1", "t_embedder.mlp.0");
        Move("time_text_embed.timestep_embedder.linear_2", "t_embedder.mlp.2");
        Move("time_text_embed.text_embedder.linear_1", "y_embedder.mlp.0");
        Move("time_text_embed.text_embedder.linear_2", "y_embedder.mlp.2");
        Move("context_embedder", "context_embedder");
        for (int i = 0; i < layers; i++)
        {
            string from = $"transformer_blocks.{i}.", x = $"joint_blocks.{i}.x_block.", context = $"joint_blocks.{i}.context_block.";
            Join(x + "attn.qkv", from + "attn.to_q", from + "attn.to_k", from + "attn.to_v");
            Join(context + "attn.qkv", from + "attn.add_q_proj", from + "attn.add_k_proj", from + "attn.add_v_proj");
            Move(from + "attn.to_out.0", x + "attn.proj");
            Move(from + "norm1.linear", x + "adaLN_modulation.1");
            Move(from + "ff.net.0.proj", x + "mlp.fc1");
            Move(from + "ff.net.2", x + "mlp.fc2");
            foreach ((string own, string stored) in ((string, string)[])
                [
                    ("attn.norm_q", x + "attn.ln_q"), ("attn.norm_k", x + "attn.ln_k"), ("attn.norm_added_q", context + "attn.ln_q"),
                    ("attn.norm_added_k", context + "attn.ln_k"), ("attn2.norm_q", x + "attn2.ln_q"), ("attn2.norm_k", x + "attn2.ln_k"),
                ])
            {
                if (_source.ContainsKey($"{from}{own}.weight"))
                {
                    Tensors[stored + ".weight"] = Pop($"{from}{own}.weight");
                }
            }
            if (_source.ContainsKey(from + "attn2.to_q.weight"))
            {
                Join(x + "attn2.qkv", from + "attn2.to_q", from + "attn2.to_k", from + "attn2.to_v");
                Move(from + "attn2.to_out.0", x + "attn2.proj");
            }
            if (i == layers - 1)
            {
                Swap(from + "norm1_context.linear", context + "adaLN_modulation.1");
                continue;
            }
            Move(from + "attn.to_add_out", context + "attn.proj");
            Move(from + "norm1_context.linear", context + "adaLN_modulation.1");
            Move(from + "ff_context.net.0.proj", context + "mlp.fc1");
            Move(from + "ff_context.net.2", context + "mlp.fc2");
        }
        Move("proj_out", "final_layer.linear");
        Swap("norm_out.linear", "final_layer.adaLN_modulation.1");
    }

    private void ToFlux()
    {
        foreach ((string own, string stored) in ((string, string)[])
            [("timestep_embedder", "time_in"), ("text_embedder", "vector_in"), ("guidance_embedder", "guidance_in")])
        {
            if (_source.ContainsKey($"time_text_embed.{own}.linear_1.weight"))
            {
                Move($"time_text_embed.{own}.linear_1", stored + ".in_layer");
                Move($"time_text_embed.{own}.linear_2", stored + ".out_layer");
            }
        }
        Move("context_embedder", "txt_in");
        Move("x_embedder", "img_in");
        int layers = Blocks("transformer_blocks"), singles = Blocks("single_transformer_blocks");
        for (int i = 0; i < layers; i++)
        {
            string from = $"transformer_blocks.{i}.", to = $"double_blocks.{i}.";
            Move(from + "norm1.linear", to + "img_mod.lin");
            Move(from + "norm1_context.linear", to + "txt_mod.lin");
            Join(to + "img_attn.qkv", from + "attn.to_q", from + "attn.to_k", from + "attn.to_v");
            Join(to + "txt_attn.qkv", from + "attn.add_q_proj", from + "attn.add_k_proj", from + "attn.add_v_proj");
            Tensors[to + "img_attn.norm.query_norm.scale"] = Pop(from + "attn.norm_q.weight");
            Tensors[to + "img_attn.norm.key_norm.scale"] = Pop(from + "attn.norm_k.weight");
            Tensors[to + "txt_attn.norm.query_norm.scale"] = Pop(from + "attn.norm_added_q.weight");
            Tensors[to + "txt_attn.norm.key_norm.scale"] = Pop(from + "attn.norm_added_k.weight");
            Move(from + "ff.net.0.proj", to + "img_mlp.0");
            Move(from + "ff.net.2", to + "img_mlp.2");
            Move(from + "ff_context.net.0.proj", to + "txt_mlp.0");
            Move(from + "ff_context.net.2", to + "txt_mlp.2");
            Move(from + "attn.to_out.0", to + "img_attn.proj");
            Move(from + "attn.to_add_out", to + "txt_attn.proj");
        }
        for (int i = 0; i < singles; i++)
        {
            string from = $"single_transformer_blocks.{i}.", to = $"single_blocks.{i}.";
            Move(from + "norm.linear", to + "modulation.lin");
            Join(to + "linear1", from + "attn.to_q", from + "attn.to_k", from + "attn.to_v", from + "proj_mlp");
            Tensors[to + "norm.query_norm.scale"] = Pop(from + "attn.norm_q.weight");
            Tensors[to + "norm.key_norm.scale"] = Pop(from + "attn.norm_k.weight");
            Move(from + "proj_out", to + "linear2");
        }
        Move("proj_out", "final_layer.linear");
        Swap("norm_out.linear", "final_layer.adaLN_modulation.1");
    }
}
