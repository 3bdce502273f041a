using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>Creates the resolver of a channel; each role has its own channel.</summary>
/// <param name="resolver">The channel's resolver.</param>
internal sealed class WorkerResolverFactory(WorkerResolver resolver) : ResolverFactory
{
    /// <summary>The scheme of a role's address, for example <c>workers:///denoiser</c>.</summary>
    public const string Scheme = "workers";

    /// <inheritdoc/>
    public override string Name => Scheme;

    /// <inheritdoc/>
    public override Resolver Create(ResolverOptions options) => resolver;
}
