using Brownian.Jobs.Access;
using Grpc.Core;

namespace Brownian.Hosting;

/// <summary>What a call's credentials say.</summary>
/// <param name="Caller">The caller; null when the credentials are refused, or nothing is known about it.</param>
/// <param name="Problem">Why the credentials are refused; null when they are not.</param>
internal sealed record Authentication(Caller? Caller, string? Problem = null)
{
    /// <summary>The status of the refusal.</summary>
    public StatusCode Code { get; init; } = StatusCode.Unauthenticated;

    /// <summary>
    /// Whose credentials were refused, for the audit log: the holder of a key that has ended, or of a disabled tenant; null when unknown.
    /// </summary>
    public Caller? Refused { get; init; }
}
