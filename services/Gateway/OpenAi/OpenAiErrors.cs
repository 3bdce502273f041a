using System.Text.Json.Nodes;
using Brownian.Hosting;
using Google.Rpc;
using Grpc.Core;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// The form of errors of OpenAI's API: <c>{"error": {"message", "type", "param", "code"}}</c>, with the headers by which its SDKs decide whether to
/// repeat a call.
/// </summary>
internal sealed class OpenAiErrors : IErrorForm
{
    /// <summary>The header that tells SDKs whether to repeat a call.</summary>
    public const string ShouldRetry = "x-should-retry";

    private const string InvalidRequest = "invalid_request_error";

    /// <summary>The names at this door of the fields of a request.</summary>
    private static readonly Dictionary<string, string> Params = new(StringComparer.Ordinal)
    {
        ["count"] = "n",
        ["width"] = "size",
        ["height"] = "size",
        ["init_image"] = "image",
        ["output.format"] = "output_format",
        ["output.quality"] = "output_compression",
        ["preview.every"] = "partial_images",
        ["labels.user"] = "user",
    };

    /// <summary>Returns the name at this door of a field.</summary>
    public static string NameOf(string field) => Params.GetValueOrDefault(field, field);

    /// <inheritdoc/>
    public async Task WriteAsync(HttpContext context, int httpStatus, Google.Rpc.Status status)
    {
        IHeaderDictionary headers = context.Response.Headers;
        BadRequest.Types.FieldViolation[] faults = [.. status.GetDetail<BadRequest>()?.FieldViolations ?? []];
        if (status.GetDetail<RetryInfo>() is { } again)
        {
            headers["retry-after-ms"] =
                again.RetryDelay.ToTimeSpan().TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
        }
        (string type, string? code) = (StatusCode)status.Code switch
        {
            StatusCode.Unauthenticated => (InvalidRequest, "invalid_api_key"),
            StatusCode.PermissionDenied => (InvalidRequest, "insufficient_permissions"),
            StatusCode.NotFound => (InvalidRequest, "not_found"),
            StatusCode.AlreadyExists => (InvalidRequest, "idempotency_conflict"),
            StatusCode.ResourceExhausted => ("rate_limit_error", "rate_limit_exceeded"),
            StatusCode.Unavailable => ("server_error", "unavailable"),
            _ when httpStatus >= StatusCodes.Status500InternalServerError => ("server_error", (string?)null),
            _ => (InvalidRequest, faults.Length > 0 ? "invalid_value" : null),
        };
        // The call of an idempotency key with another request never succeeds.
        int given = (StatusCode)status.Code == StatusCode.AlreadyExists ? StatusCodes.Status409Conflict : httpStatus;
        if (given == StatusCodes.Status409Conflict)
        {
            headers[ShouldRetry] = "false";
        }
        string message = faults.Length > 0
            ? string.Join("; ", faults.Select(fault => $"{NameOf(fault.Field)}: {fault.Description}")) : status.Message;
        await WriteAsync(context, given, type, code, faults.Length > 0 ? NameOf(faults[0].Field) : null, message);
    }

    /// <summary>Responds with an error.</summary>
    public static Task WriteAsync(HttpContext context, int httpStatus, string type, string? code, string? param, string message)
    {
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = "application/json";
        SetRequestId(context);
        return context.Response.WriteAsync(Envelope(type, code, param, message).ToJsonString(), context.RequestAborted);
    }

    /// <summary>Returns the type of an error.</summary>
    public static string TypeOf(int httpStatus) =>
        httpStatus == StatusCodes.Status429TooManyRequests ? "rate_limit_error"
        : httpStatus >= StatusCodes.Status500InternalServerError ? "server_error"
        : InvalidRequest;

    /// <summary>Returns an error.</summary>
    public static JsonObject Envelope(string type, string? code, string? param, string message) => new()
    {
        ["error"] = new JsonObject { ["message"] = message, ["type"] = type, ["param"] = param, ["code"] = code },
    };

    /// <summary>Sets the header by which a call is found in the gateway's traces, unless it names the call's job already.</summary>
    public static void SetRequestId(HttpContext context)
    {
        const string Header = "x-request-id";
        if (!context.Response.Headers.ContainsKey(Header))
        {
            context.Response.Headers[Header] = System.Diagnostics.Activity.Current?.TraceId.ToHexString() ?? Guid.NewGuid().ToString("n");
        }
    }
}
