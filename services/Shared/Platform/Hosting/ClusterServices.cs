using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Hosting;

/// <summary>Part of a cluster: jobs in Redis, queues in RabbitMQ.</summary>
internal static class ClusterServices
{
    public static void Add(IServiceCollection services, PlatformOptions options) => throw new NotSupportedException();
}
