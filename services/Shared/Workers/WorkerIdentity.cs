using Brownian.Jobs.Catalog;

namespace Brownian.Workers;

/// <summary>The identity of a worker.</summary>
/// <param name="Role">The worker's role.</param>
/// <param name="Id">The worker's id: the role, the machine, the process, and a few random digits.</param>
internal sealed record WorkerIdentity(WorkerRole Role, string Id)
{
    /// <summary>Creates the identity of a new worker of this process.</summary>
    public static WorkerIdentity Create(WorkerRole role) => new(
        role,
        string.Create(
            CultureInfo.InvariantCulture,
            $"{role.Name}-{Environment.MachineName.ToLowerInvariant()}-{Environment.ProcessId}-{Guid.NewGuid().ToString("n")[..4]}"));
}
