using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Hosting;

/// <summary>gRPC as every process serves it: rich errors, health, reflection, gRPC-Web, JSON for unary calls.</summary>
internal static class GrpcDefaults
{
    /// <summary>What the public interface takes in one message: more than any request, less than an image.</summary>
    public const int PublicMessage = 4 << 20;

    public static void Add(PlatformBuilder builder)
    {
        builder.Services.AddGrpc(grpc =>
        {
            grpc.Interceptors.Add<FaultInterceptor>();
            grpc.MaxReceiveMessageSize = PublicMessage;
            grpc.EnableDetailedErrors = false;
        })
        // Without the types of the details an error in JSON could not be written.
        .AddJsonTranscoding(json => json.TypeRegistry = TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor));
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks(health => health.Services.Map("", registration => registration.Tags.Contains("ready")));
        builder.Map(app =>
        {
            app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });
            app.MapGrpcReflectionService();
            app.MapGrpcHealthChecksService();
        });
    }
}
