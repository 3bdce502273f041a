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
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Translates exceptions to google.rpc statuses that state how a caller can react. Unexpected exceptions become INTERNAL. Servers, files and the
/// errors of libraries are logged and never sent to the caller.
/// </summary>
/// <param name="logger">Logs the details.</param>
/// <param name="paths">Removes folders from file names in messages.</param>
internal sealed class FaultInterceptor(ILogger<FaultInterceptor> logger, ServerPaths paths) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (!IsWhole(exception))
        {
            throw WithRetryAfter(Translate(exception, context), context);
        }
    }

    public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(requestStream, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (!IsWhole(exception))
        {
            throw WithRetryAfter(Translate(exception, context), context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest,
        TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (!IsWhole(exception))
        {
            throw WithRetryAfter(Translate(exception, context), context);
        }
    }

    /// <summary>Adds the header Retry-After, which callers of the JSON API know, when the answer states a time.</summary>
    private static RpcException WithRetryAfter(RpcException answer, ServerCallContext context)
    {
        if (answer.GetRpcStatus()?.GetDetail<RetryInfo>() is { } again && context.GetHttpContext().Response is { HasStarted: false } response)
        {
            Answers.SetRetryAfter(response, again);
        }
        return answer;
    }

    private RpcException Translate(Exception exception, ServerCallContext context) => exception switch
    {
        FieldFaultException faults => Rich(StatusCode.InvalidArgument, faults.Message, faults.ToMessage()),
        AdmissionException { RetryAfter: { } again } => Rich(
            StatusCode.ResourceExhausted, exception.Message, new RetryInfo { RetryDelay = Duration.FromTimeSpan(again) }),
        AdmissionException => Rich(StatusCode.ResourceExhausted, exception.Message),
        IdempotencyConflictException => Rich(StatusCode.AlreadyExists, exception.Message),
        UploadMissingException => Rich(StatusCode.FailedPrecondition, exception.Message),
        PlatformUnavailableException { IsFull: true } full => Full(full, context),
        PlatformUnavailableException unavailable => Unavailable(unavailable, context),
        RpcException answer => Complete(answer, context),
        InvalidDataException => Rich(StatusCode.InvalidArgument, paths.Hide(exception.Message)),
        ModelException => Rich(StatusCode.FailedPrecondition, paths.Hide(exception.Message)),
        DenoiseException => Rich(StatusCode.OutOfRange, paths.Hide(exception.Message)),
        KeyNotFoundException => Rich(StatusCode.NotFound, $"there is no job {exception.Message}"),
        OperationCanceledException => context.Deadline <= DateTime.UtcNow
            ? Rich(StatusCode.DeadlineExceeded, "the call's deadline passed")
            : Rich(StatusCode.Cancelled, "the call was cancelled"),
        _ => Unexpected(exception, context),
    };

    /// <summary>Whether an answer can be sent unchanged.</summary>
    private static bool IsWhole(Exception exception) => exception is RpcException answer
        && answer.Status.DebugException is null
        && (answer.StatusCode != StatusCode.Unavailable || answer.GetRpcStatus()?.GetDetail<RetryInfo>() is not null);

    /// <summary>
    /// Completes an answer that was created elsewhere. An answer of this process's own gRPC client contains addresses and exceptions; a service's own
    /// UNAVAILABLE lacks the retry time.
    /// </summary>
    private RpcException Complete(RpcException answer, ServerCallContext context)
    {
        if (answer.Status.DebugException is null)
        {
            return Unavailable(answer.Status.Detail);
        }
        if (answer.StatusCode is StatusCode.Cancelled or StatusCode.DeadlineExceeded)
        {
            return Translate(new OperationCanceledException(), context);
        }
        PlatformLog.CallUnavailable(logger, context.Method, answer.Status.Detail);
        return Unavailable("a stage service cannot be reached now; try again later");
    }

    private RpcException Full(PlatformUnavailableException exception, ServerCallContext context)
    {
        PlatformLog.CallUnavailable(logger, context.Method, exception.Details);
        var again = new RetryInfo { RetryDelay = Duration.FromTimeSpan(PlatformUnavailableException.RetryAfter) };
        return Rich(StatusCode.ResourceExhausted, exception.Message, again);
    }

    private RpcException Unavailable(PlatformUnavailableException exception, ServerCallContext context)
    {
        PlatformLog.CallUnavailable(logger, context.Method, exception.Details);
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

    private RpcException Unexpected(Exception exception, ServerCallContext context)
    {
        PlatformLog.CallCrashed(logger, context.Method, exception);
        return Rich(StatusCode.Internal, "unexpected failure; see the log of the service");
    }
}
