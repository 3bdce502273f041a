namespace Brownian.Requests;

/// <summary>The preprocessing of an image for a ControlNet.</summary>
public static class ControlPreprocess
{
    /// <summary>No preprocessing: the image is of the kind that the ControlNet was trained on.</summary>
    public const string None = "none";

    /// <summary>Canny edges, white on black.</summary>
    public const string Canny = "canny";

    /// <summary>Every value.</summary>
    public static IReadOnlyList<string> All { get; } = [None, Canny];
}
