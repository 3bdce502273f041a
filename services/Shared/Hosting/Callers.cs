using Brownian.Jobs.Access;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>The callers of calls, which the guard has authenticated.</summary>
public static class Callers
{
    /// <summary>Returns the caller of a call.</summary>
    /// <exception cref="InvalidOperationException">The call did not pass the guard.</exception>
    public static Caller Of(HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("the call did not pass the guard");

    /// <summary>Returns the caller of a call; null where the guard left it to the service to find the credentials in the message.</summary>
    public static Caller? Find(ServerCallContext context) => context.GetHttpContext().Features.Get<Caller>();

    /// <summary>Returns the caller of a gRPC call.</summary>
    /// <exception cref="InvalidOperationException">The call did not pass the guard.</exception>
    public static Caller Of(ServerCallContext context) => Of(context.GetHttpContext());
}
