namespace Brownian.Models.Plans;

/// <summary>
/// How what two prompts or pictures came to is gone through from one to the other: the inputs <c>first-NAME</c> and <c>second-NAME</c> come to the
/// output <c>NAME</c>, one value a frame.
/// </summary>
/// <param name="Frames">How many, both ends counted.</param>
public sealed record BlendSettings(int Frames);
