namespace Brownian.Adapters;

/// <summary>The role of a tensor of an adapter file for its module.</summary>
internal enum LoraRole
{
    Up,
    Down,
    Mid,
    HadaW1A,
    HadaW1B,
    HadaW2A,
    HadaW2B,
    HadaT1,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    Diff,
    DiffBias,
    UpBias,
    DoraScale,
    MagnitudeVector,
    Alpha,
}
