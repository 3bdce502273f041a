using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>Gives a channel its resolver: each role has a channel of its own.</summary>
/// <param name="resolver">The channel's.</param>
internal sealed class WorkerResolverFactory(WorkerResolver resolver) : ResolverFactory
{
    /// <summary>The scheme of a role's address, as <c>workers:///denoiser</c>.</summary>
    public const string Scheme = "workers";

    /// <inheritdoc/>
    public override string Name => Scheme;

    /// <inheritdoc/>
    public override Resolver Create(ResolverOptions options) => resolver;
}
