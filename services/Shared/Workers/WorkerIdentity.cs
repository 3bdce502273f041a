using Brownian.Jobs.Catalog;

namespace Brownian.Workers;

/// <summary>The identity of a worker.</summary>
/// <param name="Role">The worker's role.</param>
/// <param name="Provider">The kind of its device.</param>
/// <param name="Id">The worker's id: the role, the machine, the process, and a few random digits.</param>
internal sealed record WorkerIdentity(WorkerRole Role, string Provider, string Id)
{
    /// <summary>Creates the identity of a new worker of this process.</summary>
    public static WorkerIdentity Create(WorkerRole role, string provider) => new(
        role,
        provider,
        string.Create(
            CultureInfo.InvariantCulture,
            $"{role.Name}-{Environment.MachineName.ToLowerInvariant()}-{Environment.ProcessId}-{Guid.NewGuid().ToString("n")[..4]}"));
}
