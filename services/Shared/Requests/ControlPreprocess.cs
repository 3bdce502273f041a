namespace Brownian.Requests;

/// <summary>What is made of an image before a ControlNet is shown it.</summary>
public static class ControlPreprocess
{
    /// <summary>Nothing: the image is what the ControlNet was trained on.</summary>
    public const string None = "none";

    /// <summary>Its edges, white on black.</summary>
    public const string Canny = "canny";

    /// <summary>Every word.</summary>
    public static IReadOnlyList<string> All { get; } = [None, Canny];
}
