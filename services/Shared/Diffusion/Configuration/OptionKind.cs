namespace Brownian.Diffusion.Configuration;

/// <summary>The type of a scheduler option's value.</summary>
public enum OptionKind
{
    /// <summary>An integer.</summary>
    Integer,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A boolean.</summary>
    Flag,

    /// <summary>One of a set of words.</summary>
    Choice,

    /// <summary>A list of numbers.</summary>
    Numbers,
}
