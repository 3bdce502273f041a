using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting;

/// <summary>gRPC as every process serves it: rich errors, health, reflection, gRPC-Web, JSON for unary calls.</summary>
public static class GrpcDefaults
{
    /// <summary>What the public interface takes in one message: more than any request, less than an image.</summary>
    public const int PublicMessage = 4 << 20;

    internal static void Add(PlatformBuilder builder)
    {
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<FaultInterceptor>();
            grpc.MaxReceiveMessageSize = PublicMessage;
            grpc.EnableDetailedErrors = false;
        })
        // Without the types of the details an error in JSON could not be written.
        .AddJsonTranscoding(json => json.TypeRegistry = TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor));
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(builder.Options.Origins)
            .WithMethods("GET", "POST")
            .AllowAnyHeader()
            // What gRPC-Web and JSON answer beside the body; trailers come in the body.
            .WithExposedHeaders("Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "Grpc-Encoding", "Grpc-Accept-Encoding", "Retry-After")
            .SetPreflightMaxAge(TimeSpan.FromHours(1))));
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks(health => health.Services.Map("", registration => registration.Tags.Contains("ready")));
        builder.Map(app =>
        {
            // Before everything else: a preflight reaches no service.
            app.UseCors();
            app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });
            app.MapGrpcReflectionService();
            app.MapGrpcHealthChecksService();
        });
    }
}
