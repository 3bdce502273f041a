namespace Brownian.Models.Plans;

/// <summary>The settings of every image of a request: they differ by the seed alone.</summary>
/// <param name="Head">What comes before the seed.</param>
/// <param name="Tail">What comes after it.</param>
public sealed record InfotextTemplate(string Head, string Tail)
{
    /// <summary>One image's settings.</summary>
    public string For(ulong seed) => Head + seed.ToString(CultureInfo.InvariantCulture) + Tail;
}
