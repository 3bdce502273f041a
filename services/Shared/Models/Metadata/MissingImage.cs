namespace Brownian.Models.Metadata;

/// <summary>An image that settings were made with, and that their file does not carry.</summary>
/// <param name="Field">The request's field that gives it.</param>
/// <param name="Setting">The setting that tells of it.</param>
public sealed record MissingImage(string Field, string Setting);
