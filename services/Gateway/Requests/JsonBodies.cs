using System.Net.Mime;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Services;
using Brownian.Jobs.Wire;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Reads JSON bodies. Submissions are read like request files, directly into the message: every unknown or wrongly typed field is reported, and
/// fields with two notations are converted to the message's notation. Bodies of other calls are passed on unchanged, and their unknown fields are
/// reported.
/// </summary>
internal static class JsonBodies
{
    private static readonly byte[] Empty = "{}"u8.ToArray();

    /// <summary>Returns the submission: the one from the JSON body, or the call's message.</summary>
    public static V1.GenerateRequest SubmissionOf(HttpContext context, V1.GenerateRequest message) =>
        context.Features.Get<V1.GenerateRequest>() ?? message;

    /// <summary>Reads the body of a JSON call; passes all other calls on unchanged.</summary>
    public static async Task ReadAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is { HttpRule.Body: "*" } call)
        {
            bool isSubmission = call.MethodDescriptor.InputType == V1.GenerateRequest.Descriptor;
            if (!isSubmission && context.Request.ContentType is null
                && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false })
            {
                // All fields are in the path.
                context.Request.ContentType = MediaTypeNames.Application.Json;
            }
            if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type)
                || !type.MediaType.Equals(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
            {
                var fault = new FieldFaultException("Content-Type", context.Request.ContentType, "the header Content-Type: application/json");
                await JsonErrors.WriteAsync(
                    context, StatusCodes.Status415UnsupportedMediaType, StatusCode.InvalidArgument, fault.Message, fault.ToMessage());
                return;
            }
            try
            {
                byte[] body = ToUtf8(await ReadBodyAsync(context), type);
                // Calls whose fields are all in their path may have an empty body.
                body = body.Length == 0 && !isSubmission ? Empty : body;
                JsonObject json = RequestJson.Parse(body);
                if (isSubmission)
                {
                    context.Features.Set(RequestMessage.Read(json, context.RequestServices.GetRequiredService<JobService>().Now));
                    body = Empty;
                }
                else
                {
                    body = Checked(json, body, call.MethodDescriptor.InputType);
                }
                context.Request.Body = new MemoryStream(body);
                context.Request.ContentLength = body.Length;
                context.Request.ContentType = MediaTypeNames.Application.Json;
            }
            catch (FieldFaultException exception)
            {
                await JsonErrors.RefuseAsync(context, exception);
                return;
            }
            catch (BadHttpRequestException exception)
            {
                // The body is too slow, too large or malformed; the connection ends after the answer.
                await JsonErrors.WriteAsync(context, exception.StatusCode, StatusCode.InvalidArgument, exception.Message);
                return;
            }
        }
        await next(context);
    }

    /// <summary>Reads the JSON object in the body of a call of another door; an empty one without a body.</summary>
    /// <param name="context">The call.</param>
    /// <param name="maxBytes">The most bytes that it may have.</param>
    /// <exception cref="FieldFaultException">The body is too large, or no JSON object.</exception>
    /// <exception cref="BadHttpRequestException">The body does not arrive as it should.</exception>
    public static async Task<JsonObject> ReadObjectAsync(HttpContext context, int maxBytes)
    {
        byte[] body = await ReadBodyAsync(context, maxBytes);
        return body.Length == 0 ? []
            : RequestJson.Parse(
                MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type) ? ToUtf8(body, type) : body);
    }

    /// <summary>Returns a body without its byte order mark, after checking that the message has all of its fields.</summary>
    private static byte[] Checked(JsonObject json, byte[] body, MessageDescriptor message)
    {
        FieldFault[] faults =
        [
            .. json.Select(field => field.Key).Where(name => message.FindField(name) is null)
                .Select(name => new FieldFault(name, OtherNames.DescribeUnknown(name, message.FieldNames(), "this call"))),
        ];
        return faults.Length == 0 ? Utf8Text.Checked(body).ToArray() : throw new FieldFaultException(faults);
    }

    /// <summary>Converts a body from its content type's charset to UTF-8.</summary>
    private static byte[] ToUtf8(byte[] body, MediaTypeHeaderValue type)
    {
        if (StringSegment.IsNullOrEmpty(type.Charset))
        {
            return body;
        }
        // The charset may be quoted.
        string charset = HeaderUtilities.RemoveQuotes(type.Charset).ToString();
        try
        {
            var encoding = Encoding.GetEncoding(charset, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
            // The reader of requests reports invalid UTF-8 itself.
            return encoding.CodePage == Encoding.UTF8.CodePage ? body : Encoding.Convert(encoding, Encoding.UTF8, body);
        }
        catch (DecoderFallbackException)
        {
            throw new FieldFaultException(new FieldFault("request", $"is not valid text in {charset}, the charset of its content type"));
        }
        catch (ArgumentException)
        {
            throw new FieldFaultException("content-type", charset, "a known charset such as utf-8, or none");
        }
    }

    private static async Task<byte[]> ReadBodyAsync(HttpContext context, int maxBytes = GrpcDefaults.PublicMessage)
    {
        using var body = new MemoryStream();
        var buffer = new byte[64 << 10];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            if (body.Length + read > maxBytes)
            {
                throw new FieldFaultException(new FieldFault("request", $"has more than {maxBytes >> 20} MiB"));
            }
            body.Write(buffer, 0, read);
        }
        return body.ToArray();
    }
}
