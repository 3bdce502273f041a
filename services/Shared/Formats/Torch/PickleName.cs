namespace Brownian.Formats.Torch;

/// <summary>A Python class or function that a pickle refers to. It is never run: the reader knows what the few allowed ones would return.</summary>
/// <param name="Text">Its module and name.</param>
internal sealed record PickleName(string Text);
