namespace Brownian.Gateway.Callbacks;

/// <summary>A callback is not made, because its server is one that may not be called.</summary>
/// <param name="message">The reason.</param>
internal sealed class CallbackRefusedException(string message) : IOException(message);
