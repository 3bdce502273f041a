namespace Brownian.Models.Stages;

/// <summary>A denoising run failed for what the model or the settings did.</summary>
/// <param name="message">What happened at which step.</param>
public sealed class DenoiseException(string message) : Exception(message);
