using System.Text.Json.Nodes;
using Brownian.Inference.Requests;
using Brownian.Platform.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Requests in JSON as request files are written: every unknown or wrongly typed field is told, and fields that may be written in two ways
/// are put into the one that a message has.
/// </summary>
internal static class JsonSubmission
{
    /// <summary>The most bytes of a request in JSON.</summary>
    private const int LargestBody = 4 << 20;

    private static readonly JsonFormatter Errors = new(JsonFormatter.Settings.Default.WithTypeRegistry(TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor)));

    /// <summary>Reads the body of a submission; leaves everything else as it is.</summary>
    public static async Task ReadAsync(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.Request.Path == "/v1/jobs" && context.Request.HasJsonContentType())
        {
            try
            {
                JsonObject json = RequestReader.Parse(await ReadBodyAsync(context));
                context.Request.Body = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(RequestMessage.Read(json))));
                context.Request.ContentLength = context.Request.Body.Length;
            }
            catch (FieldFaultException exception)
            {
                await RefuseAsync(context, exception);
                return;
            }
        }
        await next(context);
    }

    private static async Task<byte[]> ReadBodyAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        var buffer = new byte[64 << 10];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            if (body.Length + read > LargestBody)
            {
                throw new FieldFaultException(new FieldFault("request", $"has more than {LargestBody >> 20} MiB"));
            }
            body.Write(buffer, 0, read);
        }
        return body.ToArray();
    }

    /// <summary>As JSON transcoding writes an error.</summary>
    private static async Task RefuseAsync(HttpContext context, FieldFaultException exception)
    {
        var status = new Google.Rpc.Status { Code = (int)StatusCode.InvalidArgument, Message = exception.Message, Details = { Any.Pack(exception.ToMessage()) } };
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(Errors.Format(status), context.RequestAborted);
    }
}
