using System.Net.Mime;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Inference.Requests;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Requests in JSON as request files are written: every unknown or wrongly typed field is told, and fields that may be written in two ways
/// are put into the one that a message has.
/// </summary>
internal static class JsonSubmission
{
    /// <summary>The most bytes of a request in JSON.</summary>
    private const int LargestBody = 4 << 20;

    /// <summary>Reads the body of a submission; leaves everything else as it is.</summary>
    public static async Task ReadAsync(HttpContext context, RequestDelegate next)
    {
        if (IsSubmission(context) && MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
        {
            try
            {
                JsonObject json = RequestReader.Parse(ToUtf8(await ReadBodyAsync(context), type));
                context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(RequestMessage.Read(json))));
                context.Request.ContentLength = context.Request.Body.Length;
                context.Request.ContentType = MediaTypeNames.Application.Json;
            }
            catch (FieldFaultException exception)
            {
                await JsonErrors.RefuseAsync(context, exception);
                return;
            }
        }
        await next(context);
    }

    /// <summary>Whether routing has found the method that jobs are submitted by, however its path is written.</summary>
    private static bool IsSubmission(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method is { Name: nameof(V1.Generation.GenerationBase.Submit) } method
        && method.ServiceName == V1.Generation.Descriptor.FullName;

    /// <summary>A body in the encoding that its content type names.</summary>
    private static byte[] ToUtf8(byte[] body, MediaTypeHeaderValue type)
    {
        if (StringSegment.IsNullOrEmpty(type.Charset))
        {
            return body;
        }
        // Another parameter may quote it.
        string charset = HeaderUtilities.RemoveQuotes(type.Charset).ToString();
        try
        {
            var encoding = Encoding.GetEncoding(charset, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
            // The reader of requests says itself what is wrong with UTF-8.
            return encoding.CodePage == Encoding.UTF8.CodePage ? body : Encoding.Convert(encoding, Encoding.UTF8, body);
        }
        catch (DecoderFallbackException)
        {
            throw new FieldFaultException(new FieldFault("request", $"is no text in {charset}, the charset of its content type"));
        }
        catch (ArgumentException)
        {
            throw new FieldFaultException("content-type", charset, "a charset that is known, as utf-8, or none");
        }
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
}
