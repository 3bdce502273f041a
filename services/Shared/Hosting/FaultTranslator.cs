using Brownian.Formats.Files;
using Brownian.Jobs;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Jobs.Telemetry;
using Brownian.Jobs.Wire;
using Brownian.Models.Stages;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Translates exceptions to google.rpc statuses that state how a caller can react, for all doors. Unexpected exceptions become INTERNAL. Servers,
/// files and the errors of libraries are logged and never sent to the caller.
/// </summary>
/// <param name="logger">Logs the details.</param>
/// <param name="paths">Removes folders from file names in messages.</param>
public sealed class FaultTranslator(ILogger<FaultTranslator> logger, ServerPaths paths)
{
    /// <summary>Returns the answer to a call that failed.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="call">The call's name, for the log.</param>
    /// <param name="deadline">When the caller stops waiting; null for never.</param>
    public RpcException Translate(Exception exception, string call, DateTime? deadline = null) => exception switch
    {
        FieldFaultException faults => Rich(StatusCode.InvalidArgument, faults.Message, faults.ToMessage()),
        AdmissionException { RetryAfter: { } again } => Rich(
            StatusCode.ResourceExhausted, exception.Message, new RetryInfo { RetryDelay = Duration.FromTimeSpan(again) }),
        AdmissionException => Rich(StatusCode.ResourceExhausted, exception.Message),
        IdempotencyConflictException => Rich(StatusCode.AlreadyExists, exception.Message),
        UploadMissingException => Rich(StatusCode.FailedPrecondition, exception.Message),
        PlatformUnavailableException { IsFull: true } full => Full(full, call),
        PlatformUnavailableException unavailable => Unavailable(unavailable, call),
        RpcException answer => Complete(answer, call, deadline),
        InvalidDataException => Rich(StatusCode.InvalidArgument, paths.Hide(exception.Message)),
        ModelException => Rich(StatusCode.FailedPrecondition, paths.Hide(exception.Message)),
        DenoiseException => Rich(StatusCode.OutOfRange, paths.Hide(exception.Message)),
        KeyNotFoundException => Rich(StatusCode.NotFound, $"there is no job {exception.Message}"),
        OperationCanceledException => deadline <= DateTime.UtcNow
            ? Rich(StatusCode.DeadlineExceeded, "the call's deadline passed")
            : Rich(StatusCode.Cancelled, "the call was cancelled"),
        _ => Unexpected(exception, call),
    };

    /// <summary>Returns whether an exception is an answer that can be sent unchanged.</summary>
    public static bool IsWhole(Exception exception) => exception is RpcException answer
        && answer.Status.DebugException is null
        && (answer.StatusCode != StatusCode.Unavailable || answer.GetRpcStatus()?.GetDetail<RetryInfo>() is not null);

    /// <summary>
    /// Completes an answer that was created elsewhere. An answer of this process's own gRPC client contains addresses and exceptions; a service's own
    /// UNAVAILABLE lacks the retry time.
    /// </summary>
    private RpcException Complete(RpcException answer, string call, DateTime? deadline)
    {
        if (answer.Status.DebugException is null)
        {
            return Unavailable(answer.Status.Detail);
        }
        if (answer.StatusCode is StatusCode.Cancelled or StatusCode.DeadlineExceeded)
        {
            return Translate(new OperationCanceledException(), call, deadline);
        }
        PlatformLog.CallUnavailable(logger, call, answer.Status.Detail);
        return Unavailable("a stage service cannot be reached now; try again later");
    }

    private RpcException Full(PlatformUnavailableException exception, string call)
    {
        PlatformLog.CallUnavailable(logger, call, exception.Details);
        var again = new RetryInfo { RetryDelay = Duration.FromTimeSpan(PlatformUnavailableException.RetryAfter) };
        return Rich(StatusCode.ResourceExhausted, exception.Message, again);
    }

    private RpcException Unavailable(PlatformUnavailableException exception, string call)
    {
        PlatformLog.CallUnavailable(logger, call, exception.Details);
        return Unavailable(exception.Message);
    }

    private static RpcException Unavailable(string message) =>
        Rich(StatusCode.Unavailable, message, new RetryInfo { RetryDelay = Duration.FromTimeSpan(PlatformUnavailableException.RetryAfter) });

    private static RpcException Rich(StatusCode code, string message, params IMessage[] details)
    {
        var status = new Google.Rpc.Status { Code = (int)code, Message = message };
        status.Details.Add(details.Select(Any.Pack));
        return status.ToRpcException();
    }

    private RpcException Unexpected(Exception exception, string call)
    {
        PlatformLog.CallCrashed(logger, call, exception);
        return Rich(StatusCode.Internal, "unexpected failure; see the log of the service");
    }
}
