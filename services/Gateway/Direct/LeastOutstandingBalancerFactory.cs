using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>Creates the balancer of a channel; each role has its own channel.</summary>
/// <param name="resolver">The channel's resolver.</param>
/// <param name="calls">The current calls.</param>
internal sealed class LeastOutstandingBalancerFactory(WorkerResolver resolver, WorkerCalls calls) : LoadBalancerFactory
{
    /// <summary>The policy's name in a service config.</summary>
    public const string Policy = "least_outstanding";

    /// <inheritdoc/>
    public override string Name => Policy;

    /// <inheritdoc/>
    public override LoadBalancer Create(LoadBalancerOptions options) => new LeastOutstandingBalancer(resolver, calls, options.Controller);
}
