using Brownian.ExternalScaling;
using Brownian.Gateway.Scaling;
using Brownian.Hosting;
using Brownian.Jobs.Costs;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Scaling.Tests;

/// <summary>The scaler of a real gateway with real jobs.</summary>
public sealed class ExternalScalerTests : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_metric_is_the_work_of_the_stages_that_a_pool_serves()
    {
        string model = _stubs.Add(), other = _stubs.Add();
        await using Node node = await StartAsync(model, other);
        ExternalScaler.ExternalScalerClient scaler = ClientOf(node);
        Assert.Equal(0, await MetricAsync(scaler, Pool()));
        Assert.False((await scaler.IsActiveAsync(Pool(), cancellationToken: Stop)).Result);

        await SubmitAsync(node, model, "interactive");
        await SubmitAsync(node, model, "batch");
        await SubmitAsync(node, other, "batch");

        // Three texts to encode, of which nothing was measured.
        await Eventually.TrueAsync(async () => await MetricAsync(scaler, Pool()) > 2 * StageCosts.Prior, "three stages count");
        Assert.True((await scaler.IsActiveAsync(Pool(), cancellationToken: Stop)).Result);
        Assert.Equal(3 * StageCosts.Prior, await MetricAsync(scaler, Pool()), 1e-9);
        Assert.Equal(2 * StageCosts.Prior, await MetricAsync(scaler, Pool(("models", model + ",unknown"))), 1e-9);
        Assert.Equal(2 * StageCosts.Prior, await MetricAsync(scaler, Pool(("priorities", "batch"))), 1e-9);
        Assert.Equal(StageCosts.Prior, await MetricAsync(scaler, Pool(("priorities", "interactive,standard"))), 1e-9);
        Assert.Equal(0, await MetricAsync(scaler, Pool(("role", "denoiser"))));
        Assert.Equal(3 * StageCosts.Prior * 0.5 / 4, await MetricAsync(scaler, Pool(("slots", "4"), ("share", "0.5"))), 1e-9);
    }

    [Fact]
    public async Task A_token_in_the_metadata_of_the_trigger_admits_KEDA_where_credentials_are_required()
    {
        const string Token = "the-readers-of-metrics";
        string model = _stubs.Add();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true", "MetricsToken=" + Token]);
        ExternalScaler.ExternalScalerClient scaler = ClientOf(node);
        foreach (ScaledObjectRef wrong in (ScaledObjectRef[])[Pool(), Pool(("tokenFromEnv", "another")), Pool(("token", Token))])
        {
            foreach (Func<Task> call in (Func<Task>[])
            [
                async () => await scaler.IsActiveAsync(wrong, cancellationToken: Stop),
                async () => await scaler.GetMetricSpecAsync(wrong, cancellationToken: Stop),
                async () => await MetricAsync(scaler, wrong),
                async () => await scaler.StreamIsActive(wrong, cancellationToken: Stop).ResponseStream.MoveNext(Stop),
            ])
            {
                Assert.Equal(StatusCode.Unauthenticated, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);
            }
        }
        Assert.Equal(0, await MetricAsync(scaler, Pool(("tokenFromEnv", Token))));
        Assert.False((await scaler.IsActiveAsync(Pool(("tokenFromEnv", Token)), cancellationToken: Stop)).Result);
    }

    [Fact]
    public async Task Activity_is_pushed_at_once_and_at_every_change_until_the_gateway_stops()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(model);
        using AsyncServerStreamingCall<IsActiveResponse> call = ClientOf(node).StreamIsActive(Pool(), cancellationToken: Stop);
        Assert.False(await NextAsync());
        string job = await SubmitAsync(node, model, "standard");
        Assert.True(await NextAsync());
        await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = job }, cancellationToken: Stop);
        Assert.False(await NextAsync());

        Task stopping = node.StopAsync();
        RpcException end = await Assert.ThrowsAsync<RpcException>(NextAsync);
        Assert.Equal(StatusCode.Unavailable, end.StatusCode);
        await stopping;

        async Task<bool> NextAsync()
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop).WaitAsync(Eventually.Deadline, Stop));
            return call.ResponseStream.Current.Result;
        }
    }

    [Fact]
    public async Task The_target_is_the_pools()
    {
        await using Node node = await StartAsync(_stubs.Add());
        MetricSpec spec = Assert.Single(
            (await ClientOf(node).GetMetricSpecAsync(Pool(("targetSeconds", "7.5")), cancellationToken: Stop)).MetricSpecs);
        Assert.Equal((7, 7.5), (spec.TargetSize, spec.TargetSizeFloat));
        spec = Assert.Single((await ClientOf(node).GetMetricSpecAsync(Pool(), cancellationToken: Stop)).MetricSpecs);
        Assert.Equal(ScaledPool.DefaultTargetSeconds, spec.TargetSizeFloat);
    }

    [Fact]
    public async Task All_faults_of_a_triggers_metadata_are_reported_together()
    {
        await using Node node = await StartAsync(_stubs.Add());
        ScaledObjectRef pool = Pool(
            ("role", "painter"), ("priorities", "batch,urgent"), ("provider", "gpu"), ("slots", "1.5"), ("targetSeconds", "0"), ("share", "NaN"),
            ("drains", "yes"), ("target", "5"), ("scalerAddress", "gateway:5083"));
        ExternalScaler.ExternalScalerClient scaler = ClientOf(node);
        foreach (Func<Task> call in (Func<Task>[])
        [
            async () => await scaler.IsActiveAsync(pool, cancellationToken: Stop),
            async () => await scaler.GetMetricSpecAsync(pool, cancellationToken: Stop),
            async () => await scaler.GetMetricsAsync(new GetMetricsRequest { ScaledObjectRef = pool }, cancellationToken: Stop),
            async () => await scaler.StreamIsActive(pool, cancellationToken: Stop).ResponseStream.MoveNext(Stop),
        ])
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
            foreach (string named in (string[])["role: \"painter\"", "urgent", "gpu", "1.5", "targetSeconds", "share", "drains", "target: \"5\""])
            {
                Assert.Contains(named, refusal.Status.Detail, StringComparison.Ordinal);
            }
            Assert.DoesNotContain("scalerAddress", refusal.Status.Detail, StringComparison.Ordinal);
        }
        RpcException tooLong = await Assert.ThrowsAsync<RpcException>(
            async () => await scaler.GetMetricsAsync(
                new GetMetricsRequest { ScaledObjectRef = Pool(("priorities", string.Join(',', Enumerable.Repeat("u", 5000)))) },
                cancellationToken: Stop));
        Assert.Equal(StatusCode.InvalidArgument, tooLong.StatusCode);
        Assert.Contains("allowed: at most 8000", tooLong.Status.Detail, StringComparison.Ordinal);
        // KEDA sends a reference in every call; without one, the role is missing.
        RpcException none = await Assert.ThrowsAsync<RpcException>(
            async () => await scaler.GetMetricsAsync(new GetMetricsRequest(), cancellationToken: Stop));
        Assert.Equal(StatusCode.InvalidArgument, none.StatusCode);
    }

    public void Dispose() => _stubs.Dispose();

    /// <summary>Starts a gateway with workers that take no stages.</summary>
    private async Task<Node> StartAsync(params string[] models)
    {
        Node node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(models), "Ephemeral=true"]);
        foreach (Worker worker in (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers)
        {
            await node.Client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        }
        return node;
    }

    private static ExternalScaler.ExternalScalerClient ClientOf(Node node) =>
        new(Grpc.Net.Client.GrpcChannel.ForAddress(node.OperatorAddress!));

    private static ScaledObjectRef Pool(params (string Key, string Value)[] settings)
    {
        var pool = new ScaledObjectRef { Name = string.Join(';', settings), Namespace = "images", ScalerMetadata = { ["role"] = "text-encoder" } };
        foreach ((string key, string value) in settings)
        {
            pool.ScalerMetadata[key] = value;
        }
        return pool;
    }

    private static async Task<double> MetricAsync(ExternalScaler.ExternalScalerClient scaler, ScaledObjectRef pool)
    {
        var request = new GetMetricsRequest { ScaledObjectRef = pool, MetricName = "any" };
        return Assert.Single((await scaler.GetMetricsAsync(request, cancellationToken: Stop)).MetricValues).MetricValueFloat;
    }

    private static async Task<string> SubmitAsync(Node node, string model, string priority)
    {
        GenerateRequest request = Stubs.Request(model, 1);
        request.Priority = priority;
        return (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
    }
}
