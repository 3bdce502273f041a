namespace Brownian.Models.Stages;

/// <summary>
/// The exception for a stage that stopped at a boundary because its process drains. Its state is saved, and another worker resumes it.
/// </summary>
public sealed class StageReturnedException() : Exception("The stage was returned to its queue: its worker is draining");
