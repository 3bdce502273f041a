using Brownian.Jobs;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>Refusals of calls that reach no service, in the form of their door: a gRPC status, or JSON with an HTTP status.</summary>
public static class Answers
{
    private const string GrpcType = "application/grpc";

    /// <summary>Refuses a call. Its body is not read.</summary>
    /// <param name="context">The call.</param>
    /// <param name="code">The error's code.</param>
    /// <param name="message">The error message.</param>
    /// <param name="details">
    /// The details, as in <see cref="Google.Rpc.Status"/>; <see cref="RetryInfo"/> becomes the header Retry-After of JSON too.
    /// </param>
    public static Task RefuseAsync(HttpContext context, StatusCode code, string message, params IMessage[] details)
    {
        Microsoft.AspNetCore.Http.HttpResponse response = context.Response;
        if (details.OfType<RetryInfo>().FirstOrDefault() is { } again)
        {
            SetRetryAfter(response, again);
        }
        if (context.Request.ContentType?.StartsWith(GrpcType, StringComparison.OrdinalIgnoreCase) == true)
        {
            var status = new Google.Rpc.Status { Code = (int)code, Message = message };
            status.Details.Add(details.Select(Any.Pack));
            // A status without a message is sent in the headers alone.
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = GrpcType;
            response.Headers["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
            response.Headers["grpc-message"] = Percent(message);
            response.Headers["grpc-status-details-bin"] = Convert.ToBase64String(status.ToByteArray());
            return Task.CompletedTask;
        }
        if (code == StatusCode.Unauthenticated)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }
        return JsonErrors.WriteAsync(context, HttpStatusOf(code), code, message, details);
    }

    /// <summary>Refuses a call because a server cannot be reached, with the time after which it can be repeated.</summary>
    public static Task RefuseAsync(HttpContext context, PlatformUnavailableException exception) => RefuseAsync(
        context, StatusCode.Unavailable, exception.Message,
        new RetryInfo { RetryDelay = Duration.FromTimeSpan(PlatformUnavailableException.RetryAfter) });

    /// <summary>Sets the header Retry-After, in whole seconds.</summary>
    public static void SetRetryAfter(Microsoft.AspNetCore.Http.HttpResponse response, RetryInfo again) =>
        response.Headers.RetryAfter = Math.Ceiling(again.RetryDelay.ToTimeSpan().TotalSeconds).ToString("0", CultureInfo.InvariantCulture);

    /// <summary>Refuses a call of JSON with the answer to a failure.</summary>
    /// <param name="context">The call.</param>
    /// <param name="answer">The answer (<see cref="FaultTranslator"/>).</param>
    public static Task RefuseAsync(HttpContext context, RpcException answer)
    {
        Google.Rpc.Status? status = answer.GetRpcStatus();
        return RefuseAsync(context, answer.StatusCode, answer.Status.Detail, [.. status?.Details.Select(Unpacked).OfType<IMessage>() ?? []]);
    }

    private static IMessage? Unpacked(Any detail) =>
        detail.TryUnpack(out BadRequest faults) ? faults : detail.TryUnpack(out RetryInfo again) ? again : null;

    /// <summary>Returns the HTTP status of a code, as JSON transcoding maps it.</summary>
    public static int HttpStatusOf(StatusCode code) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange => StatusCodes.Status400BadRequest,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>Encodes a message for the header grpc-message: bytes outside of printable ASCII, and %, in percent encoding.</summary>
    private static string Percent(string message)
    {
        var text = new StringBuilder();
        foreach (byte value in Encoding.UTF8.GetBytes(message))
        {
            if (value is >= 0x20 and <= 0x7e and not (byte)'%')
            {
                text.Append((char)value);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"%{value:X2}");
            }
        }
        return text.ToString();
    }
}
