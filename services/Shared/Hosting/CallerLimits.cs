using System.Collections.Concurrent;
using Brownian.Jobs.Access;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>
/// Bounds the calls of one caller that run at once at this process: those of a tenant, or of an address for callers without credentials. A stream
/// counts as long as it is open.
/// </summary>
/// <param name="options">The settings.</param>
/// <param name="addresses">Determines the callers' addresses.</param>
internal sealed class CallerLimits(PlatformOptions options, ClientAddresses addresses)
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, int> _running = new(StringComparer.Ordinal);

    /// <summary>Runs a call, or refuses it.</summary>
    /// <param name="context">The call.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="next">Runs the call.</param>
    public async Task RunAsync(HttpContext context, Caller caller, RequestDelegate next)
    {
        string key = caller.IsAnonymous ? addresses.Of(context) : "tenant:" + caller.Tenant;
        int running = _running.AddOrUpdate(key, 1, static (_, count) => count + 1);
        try
        {
            if (running > options.MaxCallsPerCaller)
            {
                await Answers.RefuseAsync(
                    context, StatusCode.ResourceExhausted,
                    $"{running - 1} calls of {(caller.IsAnonymous ? "this address" : $"the tenant {caller.Tenant}")} run at this gateway; "
                        + $"allowed: {options.MaxCallsPerCaller}",
                    new RetryInfo { RetryDelay = Duration.FromTimeSpan(Again) }).ConfigureAwait(false);
                return;
            }
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            Leave(key);
        }
    }

    /// <summary>Counts the end of a call, and forgets a caller without calls.</summary>
    private void Leave(string key)
    {
        if (_running.AddOrUpdate(key, 0, static (_, count) => count - 1) == 0)
        {
            _running.TryRemove(KeyValuePair.Create(key, 0));
        }
    }
}
