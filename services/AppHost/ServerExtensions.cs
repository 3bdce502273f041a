using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RabbitMQ.Client;
using StackExchange.Redis;

namespace Brownian.AppHost;

/// <summary>RabbitMQ and Redis, as containers or as programs.</summary>
internal static class ServerExtensions
{
    private const string RabbitMq = "rabbitmq";
    private const string Redis = "redis";
    private const string Distribution = "distribution";

    /// <summary>Adds a broker in a container.</summary>
    public static IResourceBuilder<IResourceWithConnectionString> AddRabbitMqContainer(this IDistributedApplicationBuilder builder) =>
        builder.AddRabbitMQ(RabbitMq).WithImageTag("4");

    /// <summary>Adds a job store in a container, with the settings of <c>deploy/local/redis</c>.</summary>
    /// <remarks>Without TLS: the services run on this machine, outside containers, and would have to trust a certificate.</remarks>
    public static IResourceBuilder<IResourceWithConnectionString> AddRedisContainer(this IDistributedApplicationBuilder builder) =>
#pragma warning disable ASPIRECERTIFICATES001 // For evaluation: Aspire has no other way to keep a development certificate out.
        builder.AddRedis(Redis).WithImageTag("7").WithoutHttpsCertificate()
#pragma warning restore ASPIRECERTIFICATES001
            .WithArgs("--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "2gb", "--maxmemory-policy", "noeviction");

    /// <summary>Adds the broker as a program, from Debian's package.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="data">The folder for its files.</param>
    public static IResourceBuilder<IResourceWithConnectionString> AddRabbitMqProgram(this IDistributedApplicationBuilder builder, DataFolder data) =>
        builder.AddServerProgram(RabbitMq, static endpoint => ReferenceExpression.Create($"amqp://guest:guest@{endpoint}/"), ProbeRabbitMqAsync)
            .WithEndpoint(name: Distribution, scheme: "tcp")
            .WithArgs(context =>
            {
                var server = (ServerProgram)context.Resource;
                context.Args.Add(TargetPort(server, ServerProgram.EndpointName));
                context.Args.Add(TargetPort(server, Distribution));
                context.Args.Add(data.PathOf(RabbitMq));
            });

    /// <summary>Adds Redis as a program, from Debian's package.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="data">The folder for its files.</param>
    public static IResourceBuilder<IResourceWithConnectionString> AddRedisProgram(this IDistributedApplicationBuilder builder, DataFolder data) =>
        builder.AddServerProgram(Redis, static endpoint => ReferenceExpression.Create($"{endpoint}"), ProbeRedisAsync)
            .WithArgs(context =>
            {
                context.Args.Add(TargetPort((ServerProgram)context.Resource, ServerProgram.EndpointName));
                context.Args.Add(data.PathOf(Redis));
            });

    private static IResourceBuilder<ServerProgram> AddServerProgram(
        this IDistributedApplicationBuilder builder,
        string name,
        Func<EndpointReferenceExpression, ReferenceExpression> connection,
        Func<string, CancellationToken, Task> probe)
    {
        string folder = Path.GetFullPath(Path.Combine(builder.AppHostDirectory, "..", "..", "deploy", "local"));
        var server = new ServerProgram(name, Path.Combine(folder, name), folder, connection);
        string check = name + "_answers";
        builder.Services.AddHealthChecks()
            .Add(new HealthCheckRegistration(check, new ServerHealthCheck(server, probe), failureStatus: null, tags: null));
        return builder.AddResource(server).WithEndpoint(name: ServerProgram.EndpointName, scheme: "tcp").WithHealthCheck(check);
    }

    private static EndpointReferenceExpression TargetPort(ServerProgram server, string endpoint) =>
        server.GetEndpoint(endpoint).Property(EndpointProperty.TargetPort);

    private static async Task ProbeRabbitMqAsync(string address, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new Uri(address), AutomaticRecoveryEnabled = false };
        await using IConnection connection = await factory.CreateConnectionAsync(cancellationToken);
    }

    private static async Task ProbeRedisAsync(string address, CancellationToken cancellationToken)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(address).WaitAsync(cancellationToken);
        await redis.GetDatabase().PingAsync().WaitAsync(cancellationToken);
    }
}
