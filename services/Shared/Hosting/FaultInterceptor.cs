using Google.Rpc;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Brownian.Hosting;

/// <summary>Answers gRPC calls that failed (<see cref="FaultTranslator"/>).</summary>
/// <param name="faults">Translates exceptions.</param>
internal sealed class FaultInterceptor(FaultTranslator faults) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (!FaultTranslator.IsWhole(exception))
        {
            throw WithRetryAfter(faults.Translate(exception, context.Method, context.Deadline), context);
        }
    }

    public override async Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(requestStream, context).ConfigureAwait(false);
        }
        catch (Exception exception) when (!FaultTranslator.IsWhole(exception))
        {
            throw WithRetryAfter(faults.Translate(exception, context.Method, context.Deadline), context);
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
        catch (Exception exception) when (!FaultTranslator.IsWhole(exception))
        {
            throw WithRetryAfter(faults.Translate(exception, context.Method, context.Deadline), context);
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
}
