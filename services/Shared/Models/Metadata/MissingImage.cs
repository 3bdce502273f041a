namespace Brownian.Models.Metadata;

/// <summary>An image that the settings were used with, and that their file does not contain.</summary>
/// <param name="Field">The request's field for the image.</param>
/// <param name="Setting">The setting that refers to the image.</param>
public sealed record MissingImage(string Field, string Setting);
