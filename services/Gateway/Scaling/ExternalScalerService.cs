using Brownian.ExternalScaling;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Grpc.Core;

namespace Brownian.Gateway.Scaling;

/// <summary>
/// KEDA's external scaler: the metric is the seconds of work per replica. A pool at zero is woken by its first stage, because activity is pushed.
/// </summary>
/// <param name="scaler">Computes metrics.</param>
/// <param name="time">The interval between pushes.</param>
/// <param name="lifetime">Ends pushes when the process stops; KEDA connects to another gateway.</param>
/// <param name="operators">The tokens of operators, which KEDA sends in the metadata of a trigger.</param>
[Requires(Permission.Metrics, IsCheckedByService = true)]
public sealed class ExternalScalerService(PoolScaler scaler, TimeProvider time, IHostApplicationLifetime lifetime, OperatorAccess operators)
    : ExternalScaler.ExternalScalerBase
{
    /// <summary>
    /// The name under which KEDA sends the token: it replaces the value by that of the environment variable that the value names, and keeps the name
    /// (kedacore/keda, pkg/scalers/external_scaler.go). KEDA has no other way to send a token.
    /// </summary>
    public const string TokenKey = "tokenFromEnv";

    /// <summary>The size of the largest request in bytes: the metadata of one trigger.</summary>
    public const int MaxMessageBytes = 64 << 10;

    private const string MetricName = "brownian-work-seconds";

    /// <summary>The interval at which activity is read for pushes.</summary>
    private static readonly TimeSpan PushEvery = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public override async Task<IsActiveResponse> IsActive(ScaledObjectRef request, ServerCallContext context) =>
        new()
        {
            Result = await scaler.IsActiveAsync(
                NameOf(request), ScaledPool.Read(Admitted(request, context).ScalerMetadata), context.CancellationToken),
        };

    /// <inheritdoc/>
    public override async Task StreamIsActive(
        ScaledObjectRef request, IServerStreamWriter<IsActiveResponse> responseStream, ServerCallContext context)
    {
        var pool = ScaledPool.Read(Admitted(request, context).ScalerMetadata);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        string name = NameOf(request);
        bool? sent = null;
        using var timer = new PeriodicTimer(PushEvery, time);
        try
        {
            do
            {
                bool? active = await TryAsync(name, pool, either.Token);
                if (active is { } now && now != sent)
                {
                    await responseStream.WriteAsync(new IsActiveResponse { Result = now }, either.Token);
                    sent = now;
                }
            }
            while (await timer.WaitForNextTickAsync(either.Token));
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the gateway is stopping: ask another gateway"));
        }
    }

    /// <inheritdoc/>
    public override Task<GetMetricSpecResponse> GetMetricSpec(ScaledObjectRef request, ServerCallContext context)
    {
        var pool = ScaledPool.Read(Admitted(request, context).ScalerMetadata);
        var response = new GetMetricSpecResponse();
        response.MetricSpecs.Add(
            new MetricSpec { MetricName = MetricName, TargetSize = Math.Max(1, (long)pool.TargetSeconds), TargetSizeFloat = pool.TargetSeconds });
        return Task.FromResult(response);
    }

    /// <inheritdoc/>
    public override async Task<GetMetricsResponse> GetMetrics(GetMetricsRequest request, ServerCallContext context)
    {
        ScaledObjectRef scaled = Admitted(request.ScaledObjectRef, context);
        double seconds = await scaler.MetricAsync(NameOf(scaled), ScaledPool.Read(scaled.ScalerMetadata), context.CancellationToken);
        var response = new GetMetricsResponse();
        response.MetricValues.Add(
            new MetricValue { MetricName = MetricName, MetricValue_ = (long)Math.Ceiling(seconds), MetricValueFloat = seconds });
        return response;
    }

    /// <summary>Admits a caller that the guard has admitted, or whose message has a token.</summary>
    private ScaledObjectRef Admitted(ScaledObjectRef? request, ServerCallContext context)
    {
        request ??= new ScaledObjectRef();
        bool isAdmitted = Callers.Find(context) is not null
            || (request.ScalerMetadata.TryGetValue(TokenKey, out string? token)
                && operators.Find(token) is { } caller && caller.Permissions.HasFlag(Permission.Metrics));
        return isAdmitted
            ? request
            : throw new RpcException(new Status(
                StatusCode.Unauthenticated,
                $"credentials are required: the trigger's metadata need {TokenKey} with the name of the variable of the metrics token"));
    }

    /// <summary>Returns the name of a pool's history: an object may have several triggers.</summary>
    private static string NameOf(ScaledObjectRef request) => string.Join(
        '\n',
        request.ScalerMetadata.Where(setting => setting.Key != TokenKey)
            .OrderBy(setting => setting.Key, StringComparer.Ordinal).Select(setting => $"{setting.Key}={setting.Value}")
            .Prepend($"{request.Namespace}/{request.Name}"));

    /// <summary>Returns null while the work cannot be read: nothing is pushed then.</summary>
    private async Task<bool?> TryAsync(string name, ScaledPool pool, CancellationToken cancellationToken)
    {
        try
        {
            return await scaler.IsActiveAsync(name, pool, cancellationToken);
        }
        catch (PlatformUnavailableException)
        {
            return null;
        }
    }
}
