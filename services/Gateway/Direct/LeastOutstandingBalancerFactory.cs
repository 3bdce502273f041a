using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>Gives a channel its balancer: each role has a channel of its own.</summary>
/// <param name="resolver">The channel's.</param>
/// <param name="calls">The calls under way.</param>
internal sealed class LeastOutstandingBalancerFactory(WorkerResolver resolver, WorkerCalls calls) : LoadBalancerFactory
{
    /// <summary>The policy's name in a service config.</summary>
    public const string Policy = "least_outstanding";

    /// <inheritdoc/>
    public override string Name => Policy;

    /// <inheritdoc/>
    public override LoadBalancer Create(LoadBalancerOptions options) => new LeastOutstandingBalancer(resolver, calls, options.Controller);
}
