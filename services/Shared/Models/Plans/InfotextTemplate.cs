namespace Brownian.Models.Plans;

/// <summary>The settings text of a request's images, which differ only in the seed.</summary>
/// <param name="Head">The text before the seed.</param>
/// <param name="Tail">The text after the seed.</param>
public sealed record InfotextTemplate(string Head, string Tail)
{
    /// <summary>Returns the settings text of one image.</summary>
    public string For(ulong seed) => Head + seed.ToString(CultureInfo.InvariantCulture) + Tail;
}
