using Brownian.Hosting;
using Brownian.Jobs.Access;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Gateway.Tests.Access;

/// <summary>
/// One table of all doors of a process that is a gateway and a worker of each role. An endpoint without a row fails a test
/// (<see cref="DoorTests"/>). JSON endpoints belong to the gRPC methods that they call.
/// </summary>
internal static class Doors
{
    private const ListeningPort Clients = ListeningPort.Public;
    private const ListeningPort Operators = ListeningPort.Operators;

    /// <summary>The rows by the doors' names.</summary>
    public static IReadOnlyDictionary<string, Door> Rows { get; } = new Dictionary<string, Door>(StringComparer.Ordinal)
    {
        ["/brownian.v1.Generation/Generate"] = new(Permission.Generate, Clients, Counts: true),
        ["/brownian.v1.Generation/Submit"] = new(Permission.Generate, Clients, Counts: true),
        ["/brownian.v1.Generation/Get"] = new(Permission.Read, Clients, Names: true),
        ["/brownian.v1.Generation/List"] = new(Permission.Read, Clients),
        ["/brownian.v1.Generation/Watch"] = new(Permission.Read, Clients, Names: true),
        ["/brownian.v1.Generation/Cancel"] = new(Permission.Generate, Clients, Names: true),
        ["/brownian.v1.Generation/Retry"] = new(Permission.Generate, Clients, Counts: true, Names: true),
        ["/brownian.v1.Generation/GetArtifact"] = new(Permission.Read, Clients, Names: true),
        ["/brownian.v1.Generation/SignArtifact"] = new(Permission.Read, Clients, Names: true),
        ["/brownian.v1.Generation/Upload"] = new(Permission.Generate, Clients, Counts: true),
        ["/brownian.v1.Generation/UploadPart"] = new(Permission.Generate, Clients, Counts: true, Names: true),
        ["/brownian.v1.Models/List"] = new(Permission.Read, Clients),
        ["/brownian.v1.Models/Get"] = new(Permission.Read, Clients),
        ["/brownian.v1.Account/Get"] = new(Permission.Read, Clients),
        ["/brownian.v1.Account/GetUsage"] = new(Permission.Read, Clients),
        ["/brownian.v1.TextEncoder/Encode"] = new(Permission.Stages, Clients),
        ["/brownian.v1.TextEncoder/EncodePicture"] = new(Permission.Stages, Clients),
        ["/brownian.v1.TextEncoder/Project"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Denoiser/Denoise"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Vae/Decode"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Vae/Encode"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Vae/Upscale"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Stages/Run"] = new(Permission.Stages, Clients),
        ["/brownian.v1.Workers/List"] = new(Permission.Metrics, Operators),
        ["/brownian.v1.Workers/GetLoad"] = new(Permission.Metrics, Operators),
        ["/brownian.v1.Workers/Drain"] = new(Permission.Operate, Operators),
        ["/brownian.v1.Workers/Pause"] = new(Permission.Operate, Operators),
        ["/brownian.v1.Workers/Resume"] = new(Permission.Operate, Operators),
        ["/brownian.v1.Access/CreateKey"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/ListKeys"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/RevokeKey"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/RotateKey"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/SetTenant"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/ListTenants"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/GetUsage"] = new(Permission.Administer, Operators),
        ["/brownian.v1.Access/ListAudit"] = new(Permission.Administer, Operators),
        ["/externalscaler.ExternalScaler/IsActive"] = new(Permission.Metrics, Operators),
        ["/externalscaler.ExternalScaler/StreamIsActive"] = new(Permission.Metrics, Operators),
        ["/externalscaler.ExternalScaler/GetMetricSpec"] = new(Permission.Metrics, Operators),
        ["/externalscaler.ExternalScaler/GetMetrics"] = new(Permission.Metrics, Operators),
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = new(Permission.Read, ListeningPort.Any),
        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = new(Permission.Read, ListeningPort.Any),
        ["/grpc.health.v1.Health/Check"] = new(Permission.None, ListeningPort.Any),
        ["/grpc.health.v1.Health/Watch"] = new(Permission.None, ListeningPort.Any),
        ["GET /v1/artifacts/{id}"] = new(Permission.Read, Clients, Names: true),
        ["GET /v1/jobs/{id}/events"] = new(Permission.Read, Clients, Names: true),
        ["GET /v1/signed/{id}"] = new(Permission.None, Clients),
        ["GET /v1/request.schema.json"] = new(Permission.Read, Clients),
        ["GET /docs/{documentName?}"] = new(Permission.None, Clients),
        ["GET /docs/scalar.js"] = new(Permission.None, Clients),
        ["GET /docs/scalar.aspnetcore.js"] = new(Permission.None, Clients),
        ["GET /docs/favicon.svg"] = new(Permission.None, Clients),
        ["GET /openapi/v1.json"] = new(Permission.None, Clients),
        ["GET /openapi/operators-v1.json"] = new(Permission.Metrics, Operators),
        ["POST /openai/v1/images/generations"] = new(Permission.Generate, Clients, Counts: true),
        ["POST /openai/v1/images/edits"] = new(Permission.Generate, Clients),
        ["POST /openai/v1/images/variations"] = new(Permission.Generate, Clients),
        ["POST /v1/images/generations"] = new(Permission.Generate, Clients, Counts: true),
        ["POST /v1/images/edits"] = new(Permission.Generate, Clients),
        ["POST /v1/images/variations"] = new(Permission.Generate, Clients),
        ["GET /openai/v1/models"] = new(Permission.Read, Clients),
        ["GET /openai/v1/models/{name}"] = new(Permission.Read, Clients),
        ["GET /openai/v1/{**path}"] = new(Permission.None, Clients),
        ["POST /sdapi/v1/txt2img"] = new(Permission.Generate, Clients, Counts: true),
        ["POST /sdapi/v1/img2img"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/extra-single-image"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/extra-batch-images"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/interrupt"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/skip"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/options"] = new(Permission.Generate, Clients),
        ["POST /sdapi/v1/png-info"] = new(Permission.Read, Clients),
        ["POST /sdapi/v1/refresh-checkpoints"] = new(Permission.Read, Clients),
        ["POST /sdapi/v1/refresh-loras"] = new(Permission.Read, Clients),
        ["POST /sdapi/v1/refresh-vae"] = new(Permission.Read, Clients),
        ["POST /sdapi/v1/reload-checkpoint"] = new(Permission.Read, Clients),
        ["POST /sdapi/v1/unload-checkpoint"] = new(Permission.Read, Clients),
        ["POST /internal/progress"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/progress"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/sd-models"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/samplers"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/schedulers"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/upscalers"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/latent-upscale-modes"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/loras"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/embeddings"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/sd-vae"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/prompt-styles"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/face-restorers"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/hypernetworks"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/script-info"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/scripts"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/cmd-flags"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/memory"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/options"] = new(Permission.Read, Clients),
        ["GET /controlnet/model_list"] = new(Permission.Read, Clients),
        ["GET /controlnet/module_list"] = new(Permission.Read, Clients),
        ["GET /sdapi/v1/{**path}"] = new(Permission.None, Clients),
        ["GET /metrics"] = new(Permission.Metrics, Operators),
        ["GET /health/live"] = new(Permission.None, ListeningPort.Any),
        ["GET /health/ready"] = new(Permission.None, ListeningPort.Any),
    };

    /// <summary>The endpoints of a node, without those that answer calls of methods that do not exist.</summary>
    public static IEnumerable<RouteEndpoint> Of(Node node) => node.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints)
        .OfType<RouteEndpoint>()
        .Where(endpoint => endpoint.RoutePattern.Parameters.All(
            parameter => !parameter.Name.StartsWith("unimplemented", StringComparison.Ordinal)));

    /// <summary>The name of an endpoint's row.</summary>
    public static string NameOf(RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is { } json
            ? $"/{json.MethodDescriptor.Service.FullName}/{json.MethodDescriptor.Name}"
        : endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } grpc ? grpc.Method.FullName
        : $"{endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods[0] ?? "GET"} {endpoint.RoutePattern.RawText}";

    /// <summary>The HTTP method of a JSON endpoint: several have one path. One of any method is called with GET.</summary>
    public static HttpMethod MethodOf(RouteEndpoint endpoint) =>
        new(endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods[0] ?? "GET");

    /// <summary>Whether a door is another program's, with errors of its own form.</summary>
    public static bool IsForeign(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IErrorForm>() is not null;

    /// <summary>The row of an endpoint.</summary>
    public static Door RowOf(RouteEndpoint endpoint) => Rows[NameOf(endpoint)];
}
