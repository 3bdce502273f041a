using Brownian.Jobs.Catalog;

namespace Brownian.Workers;

/// <summary>Which worker it is.</summary>
/// <param name="Role">What it does.</param>
/// <param name="Id">Its id: the role, the machine, the process, and a few random digits.</param>
internal sealed record WorkerIdentity(WorkerRole Role, string Id)
{
    /// <summary>A new worker of this process.</summary>
    public static WorkerIdentity Create(WorkerRole role) => new(
        role,
        string.Create(
            CultureInfo.InvariantCulture,
            $"{role.Name}-{Environment.MachineName.ToLowerInvariant()}-{Environment.ProcessId}-{Guid.NewGuid().ToString("n")[..4]}"));
}
