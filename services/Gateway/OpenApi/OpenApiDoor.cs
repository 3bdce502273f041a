using Brownian.Hosting;
using Brownian.Jobs.Access;
using Scalar.AspNetCore;

namespace Brownian.Gateway.OpenApi;

/// <summary>The OpenAPI documents of the interface by JSON, and a page that shows the public one and makes calls.</summary>
internal static class OpenApiDoor
{
    /// <summary>The path of the page.</summary>
    public const string Page = "/docs";

    private const string Document = "/openapi/v1.json", Operators = "/openapi/operators-v1.json";

    /// <summary>Maps the documents and the page. They contain nothing of the gateway's users, so that callers need no credentials.</summary>
    public static void Map(WebApplication app)
    {
        app.MapGet(Document, () => Results.Bytes(Read("openapi.json"), "application/json")).Requires(Permission.None);
        app.MapGet(Operators, () => Results.Bytes(Read("openapi-operators.json"), "application/json"))
            .OnPort(ListeningPort.Operators).Requires(Permission.Metrics);
        app.MapScalarApiReference(Page, options =>
        {
            options.Title = "Brownian API";
            options.OpenApiRoutePattern = Document;
            // The page works without any other server.
            options.DefaultFonts = false;
            options.Telemetry = false;
            options.HideClientButton = true;
            options.DisableAgent();
        }).Requires(Permission.None);
    }

    private static byte[] Read(string name)
    {
        using Stream stream = typeof(OpenApiDoor).Assembly.GetManifestResourceStream(name)!;
        using var all = new MemoryStream();
        stream.CopyTo(all);
        return all.ToArray();
    }
}
