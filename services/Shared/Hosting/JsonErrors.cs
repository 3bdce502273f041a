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
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(Formatter.Format(status), context.RequestAborted);
    }
}
