namespace Brownian.Platform;

/// <summary>The store or the broker cannot be reached now. Nothing is wrong with what was asked.</summary>
/// <param name="message">Which one.</param>
/// <param name="inner">What its client said.</param>
public sealed class PlatformUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
