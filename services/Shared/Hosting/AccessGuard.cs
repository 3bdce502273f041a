using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Telemetry;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Admits calls: authenticates the caller and compares its permissions with those that the endpoint requires, before a body is read. Refusals have
/// the form of the door: a gRPC status, or JSON.
/// </summary>
/// <param name="authenticator">Authenticates callers.</param>
/// <param name="quotas">The quotas of tenants.</param>
/// <param name="operators">The networks of operators.</param>
/// <param name="limits">Bounds the calls of one caller.</param>
/// <param name="refusals">Writes refusals to the audit log.</param>
/// <param name="logger">Logs that a store is unavailable.</param>
internal sealed class AccessGuard(
    Authenticator authenticator, CallerQuotas quotas, OperatorAccess operators, CallerLimits limits, RefusalLog refusals,
    ILogger<AccessGuard> logger)
{
    /// <summary>The parameters of the endpoints with which gRPC answers calls of methods that do not exist.</summary>
    private static readonly string[] Unimplemented = ["unimplementedMethod", "unimplementedService"];

    /// <summary>Returns the permission that an endpoint requires.</summary>
    public static Permission RequiredBy(Endpoint endpoint) =>
        endpoint is RouteEndpoint route && IsUnimplemented(route) ? Permission.None
        : endpoint.Metadata.GetMetadata<RequiresAttribute>() is { } requires ? requires.Permission
        : Permission.Administer;

    /// <summary>Returns whether an endpoint is one with which gRPC answers calls of methods that do not exist.</summary>
    public static bool IsUnimplemented(RouteEndpoint endpoint) =>
        endpoint.RoutePattern.Parameters.Any(parameter => Unimplemented.Contains(parameter.Name));

    public static void Use(WebApplication app)
    {
        AccessGuard guard = app.Services.GetRequiredService<AccessGuard>();
        app.Use(next => context => guard.InvokeAsync(context, next));
    }

    private async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        Permission required = context.GetEndpoint() is { } endpoint ? RequiredBy(endpoint) : Permission.None;
        if (required == Permission.None)
        {
            // Streams of health can be open too.
            await limits.RunAsync(context, Caller.Anonymous, next).ConfigureAwait(false);
            return;
        }
        Caller? caller;
        try
        {
            Authentication found = await authenticator.AuthenticateAsync(context).ConfigureAwait(false);
            caller = found.Caller;
            (StatusCode code, string message) = Check(context, found, required) ?? (StatusCode.OK, "");
            if (code == StatusCode.Unauthenticated
                && context.GetEndpoint()!.Metadata.GetMetadata<RequiresAttribute>() is { IsCheckedByService: true })
            {
                await next(context).ConfigureAwait(false);
                return;
            }
            if (code != StatusCode.OK)
            {
                refusals.Report(context, caller ?? found.Refused, code);
                await Answers.RefuseAsync(context, code, message).ConfigureAwait(false);
                return;
            }
            // Callers with a key or a token have their quotas already.
            context.Features.Set(
                caller! is { IsAnonymous: true } && required == Permission.Generate
                    ? caller with { Quotas = await quotas.OfAsync(caller, context.RequestAborted).ConfigureAwait(false) }
                    : caller);
        }
        catch (PlatformUnavailableException exception)
        {
            PlatformLog.CallUnavailable(logger, context.Request.Path, exception.Details);
            await Answers.RefuseAsync(context, exception).ConfigureAwait(false);
            return;
        }
        await limits.RunAsync(context, caller!, next).ConfigureAwait(false);
    }

    /// <summary>Returns why a call is refused; null when it is not.</summary>
    private (StatusCode Code, string Message)? Check(HttpContext context, Authentication found, Permission required)
    {
        Caller? caller = found.Caller;
        bool isOperators = ListeningPorts.PortOf(context) == ListeningPort.Operators;
        return isOperators && !operators.Allows(context.Connection.RemoteIpAddress)
            ? (StatusCode.PermissionDenied, "the operators' interface cannot be called from this address")
            : caller is null ? (found.Code, found.Problem ?? "")
            : caller.Permissions.HasFlag(required) ? null
            : !caller.IsAnonymous ? (StatusCode.PermissionDenied, $"this call needs the scope {Scopes.NamesOf(required)[0]}")
            : (StatusCode.Unauthenticated, isOperators ? operators.WrongToken : "credentials are required");
    }
}
