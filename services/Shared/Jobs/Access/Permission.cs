namespace Brownian.Jobs.Access;

/// <summary>What a caller may do. The names of scopes are in <see cref="Scopes"/>.</summary>
[Flags]
public enum Permission
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read the tenant's jobs, events, images and usage, and the models.</summary>
    Read = 1,

    /// <summary>Submit, retry and cancel jobs, and upload files.</summary>
    Generate = 2,

    /// <summary>Call stage services directly, past jobs and quotas.</summary>
    Stages = 4,

    /// <summary>Read metrics, workers and load, and the answers of KEDA's scaler.</summary>
    Metrics = 8,

    /// <summary>Drain, pause and resume workers.</summary>
    Operate = 16,

    /// <summary>Manage keys and tenants, and read the usage of all tenants and the audit log.</summary>
    Administer = 32,
}
