namespace Brownian.Gateway.Generation;

/// <summary>An id that a caller gave, and that may be any text.</summary>
internal static class GivenId
{
    /// <summary>The number of characters that messages repeat; ids that exist are not longer.</summary>
    public const int MaxShown = 64;

    /// <summary>Returns the id for a message.</summary>
    public static string Shown(string id) => id.Length <= MaxShown ? id : id[..MaxShown] + "...";
}
