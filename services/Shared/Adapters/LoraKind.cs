namespace Brownian.Adapters;

/// <summary>How the tensors of a module in an adapter file make the difference that is added to the module's weight.</summary>
public enum LoraKind
{
    /// <summary>The product of two matrices, with or without a kernel between them (<c>lora_up</c>, <c>lora_mid</c>, <c>lora_down</c>).</summary>
    Lora,

    /// <summary>The element-wise product of two such products (<c>hada_w1_a</c> and others).</summary>
    LoHa,

    /// <summary>The Kronecker product of two matrices, each of them stored or a product (<c>lokr_w1</c> and others).</summary>
    LoKr,

    /// <summary>The difference itself (<c>diff</c>, <c>diff_b</c>).</summary>
    Full,
}
