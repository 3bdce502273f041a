using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting;

/// <summary>
/// Answers calls of a path that has other methods with 405 and the methods that it has at the port of the call (RFC 9110, 15.5.6). Without it, such a
/// call would look like one of a path that does not exist, or like one without credentials.
/// </summary>
/// <param name="endpoints">The endpoints of the process.</param>
internal sealed class CallMethods(EndpointDataSource endpoints)
{
    private readonly Lazy<Path[]> _paths = new(() =>
    [
        .. endpoints.Endpoints.OfType<RouteEndpoint>().Where(endpoint => !AccessGuard.IsUnimplemented(endpoint))
            .Select(endpoint => new Path(
                new TemplateMatcher(new RouteTemplate(endpoint.RoutePattern), new RouteValueDictionary(endpoint.RoutePattern.Defaults)),
                endpoint,
                endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? [])),
    ]);

    /// <summary>Adds the check to a process, before callers are authenticated: what a path can do is no secret.</summary>
    public static void Use(WebApplication app)
    {
        var methods = new CallMethods(app.Services.GetRequiredService<EndpointDataSource>());
        app.Use(next => context => methods.InvokeAsync(context, next));
    }

    private Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        // The framework's own answer to another method is an endpoint without a route.
        string[] allowed = context.GetEndpoint() is RouteEndpoint ? [] : MethodsOf(context);
        if (allowed.Length == 0 || allowed.Contains(context.Request.Method, StringComparer.OrdinalIgnoreCase))
        {
            return next(context);
        }
        context.Response.Headers.Allow = string.Join(", ", allowed);
        return JsonErrors.WriteAsync(
            context, StatusCodes.Status405MethodNotAllowed, StatusCode.Unimplemented,
            $"{context.Request.Path} has no method {context.Request.Method}; allowed: {string.Join(", ", allowed)}");
    }

    private string[] MethodsOf(HttpContext context) =>
    [
        .. _paths.Value
            .Where(path => (ListeningPorts.PortOf(path.Endpoint) & ListeningPorts.PortOf(context)) != 0
                && path.Matcher.TryMatch(context.Request.Path, []))
            .SelectMany(path => path.Methods).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];

    private sealed record Path(TemplateMatcher Matcher, RouteEndpoint Endpoint, IReadOnlyList<string> Methods);
}
