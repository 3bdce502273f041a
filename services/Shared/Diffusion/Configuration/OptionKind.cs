namespace Brownian.Diffusion.Configuration;

/// <summary>The type of a scheduler option's value.</summary>
public enum OptionKind
{
    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number.</summary>
    Number,

    /// <summary>true or false.</summary>
    Flag,

    /// <summary>One of some words.</summary>
    Choice,

    /// <summary>A list of numbers.</summary>
    Numbers,
}
