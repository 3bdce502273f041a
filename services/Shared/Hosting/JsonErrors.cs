using Brownian.Jobs.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>Errors of the JSON API that do not come from a gRPC service, in the format of JSON transcoding.</summary>
public static class JsonErrors
{
    private static readonly JsonFormatter Formatter =
        new(JsonFormatter.Settings.Default.WithTypeRegistry(TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor)));

    /// <summary>Refuses a call with the faults of all its fields.</summary>
    public static Task RefuseAsync(HttpContext context, FieldFaultException exception) =>
        WriteAsync(context, StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, exception.Message, exception.ToMessage());

    /// <summary>Says in the body that no call has a path or a method; passes all calls on first.</summary>
    public static async Task ExplainAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        Microsoft.AspNetCore.Http.HttpResponse response = context.Response;
        bool isExplained = response.HasStarted || response.ContentType is not null || response.ContentLength is not null;
        if (isExplained || response.StatusCode != StatusCodes.Status404NotFound
            || context.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true)
        {
            return;
        }
        await WriteAsync(
            context, StatusCodes.Status404NotFound, StatusCode.Unimplemented,
            $"there is no call {context.Request.Method} {context.Request.Path} at this port; calls begin with /v1/, such as POST /v1/jobs");
    }

    /// <summary>Responds to a call with an error.</summary>
    /// <param name="context">The call.</param>
    /// <param name="httpStatus">The HTTP status.</param>
    /// <param name="code">The error's code.</param>
    /// <param name="message">The error message.</param>
    /// <param name="details">The details, as in <see cref="Google.Rpc.Status"/>.</param>
    public static async Task WriteAsync(HttpContext context, int httpStatus, StatusCode code, string message, params IMessage[] details)
    {
        var status = new Google.Rpc.Status { Code = (int)code, Message = message };
        status.Details.Add(details.Select(Any.Pack));
        if (context.GetEndpoint()?.Metadata.GetMetadata<IErrorForm>() is { } form)
        {
            await form.WriteAsync(context, httpStatus, status);
            return;
        }
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(Formatter.Format(status), context.RequestAborted);
    }
}
