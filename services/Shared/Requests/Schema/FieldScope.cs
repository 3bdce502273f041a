namespace Brownian.Requests.Schema;

/// <summary>The places where a field is allowed besides the top level of a request to one model.</summary>
[Flags]
public enum FieldScope
{
    /// <summary>Only at the top level.</summary>
    None = 0,

    /// <summary>At the top level of a request to a cascade, for all of its stages.</summary>
    SharedByStages = 1,

    /// <summary>At the top level of a request to a cascade, for its first stage.</summary>
    FirstStage = 2,

    /// <summary>In the block of a cascade's stage.</summary>
    Stage = 4,

    /// <summary>In the block of a refiner.</summary>
    Refiner = 8,

    /// <summary>At the top level, and shared with a refiner.</summary>
    SharedWithRefiner = 16,
}
