namespace Brownian.Models.Stages;

/// <summary>The exception for a denoising run that failed because of the model or the settings.</summary>
/// <param name="message">What happened, and at which step.</param>
public sealed class DenoiseException(string message) : Exception(message);
