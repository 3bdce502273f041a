namespace Brownian.Requests.Schema;

/// <summary>Where a field may stand beside the top level of a request to one model.</summary>
[Flags]
public enum FieldScope
{
    /// <summary>At the top level alone.</summary>
    None = 0,

    /// <summary>At the top level of a request to a cascade, for all of its stages.</summary>
    SharedByStages = 1,

    /// <summary>At the top level of a request to a cascade, for its first stage.</summary>
    FirstStage = 2,

    /// <summary>In the block of a cascade's stage.</summary>
    Stage = 4,

    /// <summary>In the block of a refiner.</summary>
    Refiner = 8,

    /// <summary>At the top level, for a refiner too.</summary>
    SharedWithRefiner = 16,
}
