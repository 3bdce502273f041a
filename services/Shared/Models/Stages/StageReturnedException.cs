namespace Brownian.Models.Stages;

/// <summary>A stage stopped at a boundary because its process drains; what it had is saved, and another worker goes on.</summary>
public sealed class StageReturnedException() : Exception("The stage was handed back: its worker drains");
