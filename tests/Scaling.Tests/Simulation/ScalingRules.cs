namespace Brownian.Scaling.Tests.Simulation;

/// <summary>The settings of KEDA, the HPA and the pool, in seconds.</summary>
internal sealed record ScalingRules
{
    /// <summary>The target of waiting: the seconds of work per replica.</summary>
    public int TargetSeconds { get; init; } = 60;

    /// <summary>The time from the creation of a replica until it takes stages.</summary>
    public int LoadSeconds { get; init; } = 30;

    /// <summary>The interval at which the HPA reads the metric.</summary>
    public int SyncSeconds { get; init; } = 15;

    /// <summary>The interval at which KEDA asks for activity.</summary>
    public int PollingSeconds { get; init; } = 30;

    /// <summary>The time without activity after which KEDA removes the last replica.</summary>
    public int CooldownSeconds { get; init; } = 300;

    /// <summary>The HPA's window of stabilisation before it removes replicas.</summary>
    public int StabilisationSeconds { get; init; } = 120;

    /// <summary>The largest number of replicas.</summary>
    public int MaxReplicas { get; init; } = 32;

    /// <summary>The time that a removed replica may take to finish its stage.</summary>
    public int DrainSeconds { get; init; } = 20;
}
