using Brownian.Formats.Weights;

namespace Brownian.Formats.Torch;

/// <summary>The names of PyTorch's types and functions that a checkpoint may refer to.</summary>
internal static class TorchNames
{
    /// <summary>Of a tensor: storage, offset, size, stride, and further arguments that do not concern its values.</summary>
    public static readonly IReadOnlySet<string> Tensors =
        new HashSet<string>(StringComparer.Ordinal) { "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2" };

    /// <summary>As <see cref="Tensors"/>, with the element type as the seventh argument.</summary>
    public const string TypedTensor = "torch._utils._rebuild_tensor_v3";

    /// <summary>Of a parameter: a tensor, and further arguments that do not concern its values.</summary>
    public static readonly IReadOnlySet<string> Parameters = new HashSet<string>(StringComparer.Ordinal)
    {
        "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    };

    /// <summary>Of a dictionary.</summary>
    public const string OrderedDictionary = "collections.OrderedDict";

    /// <summary>Of a tuple.</summary>
    public const string Size = "torch.Size";

    /// <summary>
    /// What training programs store beside the weights, and no weight depends on: PyTorch Lightning's callbacks and NumPy's numbers, which the
    /// original checkpoints of Stable Diffusion 1 contain. They are skipped.
    /// </summary>
    public static readonly IReadOnlySet<string> Ignored = new HashSet<string>(StringComparer.Ordinal)
    {
        "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
        "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype", "_codecs.encode",
    };

    private static readonly Dictionary<string, ElementFormat?> Storages = new(StringComparer.Ordinal)
    {
        ["torch.DoubleStorage"] = ElementFormat.F64,
        ["torch.FloatStorage"] = ElementFormat.F32,
        ["torch.HalfStorage"] = ElementFormat.F16,
        ["torch.BFloat16Storage"] = ElementFormat.BF16,
        ["torch.LongStorage"] = ElementFormat.I64,
        ["torch.IntStorage"] = ElementFormat.I32,
        ["torch.ShortStorage"] = ElementFormat.I16,
        ["torch.CharStorage"] = ElementFormat.I8,
        ["torch.ByteStorage"] = ElementFormat.U8,
        ["torch.BoolStorage"] = ElementFormat.Bool,
        ["torch.storage.UntypedStorage"] = null,
        ["torch.UntypedStorage"] = null,
    };

    private static readonly Dictionary<string, ElementFormat> Types = new(StringComparer.Ordinal)
    {
        ["torch.float64"] = ElementFormat.F64,
        ["torch.float32"] = ElementFormat.F32,
        ["torch.float16"] = ElementFormat.F16,
        ["torch.bfloat16"] = ElementFormat.BF16,
        ["torch.float8_e4m3fn"] = ElementFormat.F8E4M3,
        ["torch.float8_e5m2"] = ElementFormat.F8E5M2,
        ["torch.uint64"] = ElementFormat.U64,
        ["torch.uint32"] = ElementFormat.U32,
        ["torch.uint16"] = ElementFormat.U16,
        ["torch.int64"] = ElementFormat.I64,
        ["torch.int32"] = ElementFormat.I32,
        ["torch.int16"] = ElementFormat.I16,
        ["torch.int8"] = ElementFormat.I8,
        ["torch.uint8"] = ElementFormat.U8,
        ["torch.bool"] = ElementFormat.Bool,
    };

    /// <summary>Whether a checkpoint may refer to a name.</summary>
    public static bool IsAllowed(string name) =>
        Tensors.Contains(name) || Parameters.Contains(name) || Ignored.Contains(name) || Storages.ContainsKey(name) || Types.ContainsKey(name)
        || name is TypedTensor or OrderedDictionary or Size;

    /// <summary>Finds a storage's class.</summary>
    /// <param name="name">The name.</param>
    /// <param name="format">Its element type; null for bytes.</param>
    public static bool IsStorage(string name, out ElementFormat? format) => Storages.TryGetValue(name, out format);

    /// <summary>Returns an element type; null when the name is none.</summary>
    public static ElementFormat? FindType(string name) => Types.GetValueOrDefault(name);
}
