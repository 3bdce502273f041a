namespace Brownian.Models.Plans;

/// <summary>
/// Interpolates between the values of two prompts or images: from the inputs <c>first-NAME</c> and <c>second-NAME</c> to the output <c>NAME</c>, one
/// value per frame.
/// </summary>
/// <param name="Frames">The number of frames, including both ends.</param>
public sealed record BlendSettings(int Frames);
