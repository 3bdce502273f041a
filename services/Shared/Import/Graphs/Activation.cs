namespace Brownian.Import.Graphs;

/// <summary>Activation functions of networks.</summary>
public enum Activation
{
    /// <summary><c>x * sigmoid(x)</c>, also called swish.</summary>
    Silu,

    /// <summary><c>x * P(X &lt;= x)</c> of the normal distribution, by the error function.</summary>
    Gelu,

    /// <summary>The approximation of <see cref="Gelu"/> by tanh, which transformers calls gelu_new and gelu_pytorch_tanh.</summary>
    GeluTanh,

    /// <summary><c>x * sigmoid(1.702 x)</c>.</summary>
    QuickGelu,

    /// <summary><c>max(0, x)</c>.</summary>
    Relu,

    /// <summary><c>x * tanh(softplus(x))</c>.</summary>
    Mish,
}
