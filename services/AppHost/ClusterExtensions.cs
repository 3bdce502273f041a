namespace Brownian.AppHost;

/// <summary>The cluster: two servers, a gateway and the workers.</summary>
internal static class ClusterExtensions
{
    /// <summary>The gateway's name.</summary>
    public const string Gateway = "gateway";

    /// <summary>The name of the endpoint for HTTP/1.1.</summary>
    public const string Http = "http";

    /// <summary>The name of the endpoint for gRPC.</summary>
    public const string Grpc = "grpc";

    /// <summary>The name of the operators' endpoint for HTTP/1.1.</summary>
    public const string OperatorHttp = "operator-http";

    /// <summary>The name of the gateway's operators' endpoint for gRPC.</summary>
    public const string OperatorGrpc = "operator-grpc";

    /// <summary>Adds the cluster.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="options">How the cluster is started.</param>
    /// <param name="data">The folder for the files of servers that run as programs.</param>
    public static void AddCluster(this IDistributedApplicationBuilder builder, ClusterOptions options, DataFolder data)
    {
        bool containers = (options.Servers ?? (ContainerEngine.Answers() ? ServerKind.Containers : ServerKind.Programs)) == ServerKind.Containers;
        IResourceBuilder<IResourceWithConnectionString> rabbitMq = containers ? builder.AddRabbitMqContainer() : builder.AddRabbitMqProgram(data);
        IResourceBuilder<IResourceWithConnectionString> redis = containers ? builder.AddRedisContainer() : builder.AddRedisProgram(data);
        IResourceBuilder<ParameterResource> token =
            builder.AddParameter("operator-token", new GenerateParameterDefault { MinLength = 32, Special = false }, secret: true);
        // Clients find the gateway by its fixed ports; workers are found through the catalogue, so they use any free ports.
        int? first = options.FreePorts ? null : 5080;
        Add<Projects.Gateway>(Gateway, replicas: 1, first)
            .WithHttpEndpoint(first + 3, name: OperatorGrpc, env: "Platform__OperatorGrpcPort")
            .WithEndpoint(OperatorGrpc, static endpoint => endpoint.Transport = "http2", createIfNotExists: false)
            .WithEnvironment("Platform__OperatorToken", token);
        Add<Projects.TextEncoder>("text-encoder", options.TextEncoders);
        Add<Projects.Denoiser>("denoiser", options.Denoisers);
        Add<Projects.VaeDecoder>("vae-decoder", options.VaeDecoders);

        IResourceBuilder<ProjectResource> Add<TProject>(string name, int replicas, int? port = null)
            where TProject : IProjectMetadata, new() =>
            builder.AddProject<TProject>(name, static project => project.ExcludeLaunchProfile = true)
                .WithHttpEndpoint(port, name: Http, env: "Platform__HttpPort")
                .WithHttpEndpoint(port + 1, name: Grpc, env: "Platform__GrpcPort")
                .WithEndpoint(Grpc, static endpoint => endpoint.Transport = "http2", createIfNotExists: false)
                .WithHttpEndpoint(port + 2, name: OperatorHttp, env: "Platform__OperatorHttpPort")
                .WithHttpHealthCheck("/health/ready", endpointName: Http)
                .WithEnvironment("Platform__RabbitMq", rabbitMq)
                .WithEnvironment("Platform__Redis", redis)
                .WaitFor(rabbitMq)
                .WaitFor(redis)
                .WithReplicas(replicas);
    }
}
