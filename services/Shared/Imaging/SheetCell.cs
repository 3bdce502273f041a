using Brownian.Formats.Images;

namespace Brownian.Imaging;

/// <summary>An image of a contact sheet.</summary>
/// <param name="Image">The image.</param>
/// <param name="Label">The text below it.</param>
public sealed record SheetCell(PixelImage Image, string Label);
