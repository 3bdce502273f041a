using Brownian.Hosting.Certificates;
using Brownian.Jobs.Access;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting;

/// <summary>The gRPC configuration of every process: rich errors, health, reflection, gRPC-Web, JSON for unary calls.</summary>
public static class GrpcDefaults
{
    /// <summary>The size limit of a message of the public API, in bytes: larger than any request, smaller than an image.</summary>
    public const int PublicMessage = 4 << 20;

    internal static void Add(PlatformBuilder builder)
    {
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<FaultInterceptor>();
            grpc.MaxReceiveMessageSize = PublicMessage;
            grpc.EnableDetailedErrors = false;
        })
        // Without the types of the details, an error could not be serialized to JSON.
        .AddJsonTranscoding(json => json.TypeRegistry = TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor));
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(builder.Options.Origins)
            .WithMethods("GET", "HEAD", "POST", "DELETE")
            .AllowAnyHeader()
            // The headers of gRPC-Web and JSON answers; trailers are in the body.
            .WithExposedHeaders("Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "Grpc-Encoding", "Grpc-Accept-Encoding", "Retry-After")
            .SetPreflightMaxAge(TimeSpan.FromHours(1))));
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks(health => health.Services.Map("", registration => registration.Tags.Contains("ready")));
        builder.Map(app =>
        {
            // Before all other middleware: a preflight request reaches no service. Web pages call clients' ports only.
            app.UseWhen(context => ListeningPorts.PortOf(context) == ListeningPort.Public, clients => clients.UseCors());
            // Otherwise the HTTP port of a worker would accept the calls for which its gRPC port requires a client certificate.
            bool isOpen = builder.Role == ServiceRole.Gateway || !app.Services.GetRequiredService<ProcessCertificates>().CanRequire;
            app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = isOpen });
            CallMethods.Use(app);
            AccessGuard.Use(app);
            app.MapGrpcReflectionService().OnPort(ListeningPort.Any).Requires(Permission.Read);
            app.MapGrpcHealthChecksService().OnPort(ListeningPort.Any).Requires(Permission.None);
        });
    }
}
