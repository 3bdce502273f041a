using Brownian.Client;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Testing.Processes;
using Brownian.V1;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Tests.Services;

/// <summary>Quotas hold across gateways under a storm of requests, after gateways were killed and after Redis was restarted.</summary>
public sealed class QuotaStormTests : IAsyncLifetime
{
    private const int Jobs = 10;
    private const int Requests = 25;

    private readonly Stubs _stubs = new();
    private RedisServer _redis = null!;
    private RabbitMqServer _rabbitMq = null!;
    private string _model = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string[] Settings =>
    [
        .. _stubs.Settings(_model), "RabbitMq=" + _rabbitMq.Uri, "Redis=" + _redis.Configuration, .. Node.Secured,
        "OperatorToken=" + Node.OperatorToken, "ReconcileSeconds=0.1", "GraceSeconds=0.5",
    ];

    [Fact]
    public async Task A_storm_at_three_gateways_is_admitted_up_to_the_quota_and_each_refusal_says_when_to_come_back()
    {
        await AnnounceAsync();
        Node[] gateways = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartGatewayAsync()));
        try
        {
            await LimitAsync(gateways[0].Client, new Quotas { Jobs = Jobs, RequestsPerMinute = Requests });
            BrownianClient[] clients = [.. gateways.Select(gateway => gateway.Client)];
            (string[] accepted, RpcException[] refused) = await StormAsync(clients, 90);

            Assert.Equal(Jobs, accepted.Length);
            Assert.All(refused, refusal =>
            {
                Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
                Assert.Equal($"tenant default: {Jobs} of its jobs wait or run; allowed: {Jobs} (the quota jobs)", refusal.Status.Detail);
                Assert.True(refusal.GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan() > TimeSpan.Zero);
            });
            Assert.Equal((Jobs, Jobs), await HeldAsync(gateways[0]));

            await CancelAsync(clients, accepted);
            (string[] again, _) = await StormAsync(clients, 60);
            Assert.Equal(Jobs, again.Length);
            await CancelAsync(clients, again);
            // Of the requests of this minute, five are left.
            (string[] last, RpcException[] beyond) = await StormAsync(clients, 60);
            Assert.Equal(Requests - (2 * Jobs), last.Length);
            Assert.All(beyond, refusal => Assert.Equal(
                $"tenant default: {Requests} requests were admitted in the last minute; allowed: {Requests} (the quota requests_per_minute)",
                refusal.Status.Detail));
            Assert.InRange(
                beyond[0].GetRpcStatus()!.GetDetail<RetryInfo>()!.RetryDelay.ToTimeSpan(), TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        }
        finally
        {
            await Task.WhenAll(gateways.Select(gateway => gateway.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task Quotas_hold_after_gateways_were_killed_in_the_storm_and_after_a_restart_of_Redis()
    {
        await AnnounceAsync();
        const int Most = 25;
        await using ServiceProcess first = await ServiceProcess.StartAsync("gateway", Settings, "after create:1");
        await using ServiceProcess second = await ServiceProcess.StartAsync("gateway", Settings, "after submit send:1");
        await using Node third = await StartGatewayAsync();
        await LimitAsync(third.Client, new Quotas { Jobs = Most });
        using var one = new BrownianClient([first.Address], Options);
        using var two = new BrownianClient([second.Address], Options);
        // Together fewer than the quota, so that each gateway admits some and dies of it.
        (string[] early, RpcException[] lost) = await StormAsync([one, two], 20);
        await Task.WhenAll(first.Ended, second.Ended).WaitAsync(Eventually.Deadline, Stop);
        Assert.Equal(20, early.Length + lost.Length);
        (string[] late, _) = await StormAsync([third.Client], 60);
        string[] accepted = [.. early, .. late];

        // What the killed gateways had begun counts until it is accepted or abandoned, and never exceeds the quota.
        await Eventually.TrueAsync(
            async () => (await Store(third).ListAsync(new JobQuery { Phases = [JobPhase.Submitting] }, Stop)).Jobs.Count == 0,
            "the reconciler has finished or abandoned the submissions of the killed gateways");
        string[] active = [.. await ActiveAsync(third)];
        Assert.InRange(active.Length, accepted.Length, Most);
        Assert.Empty(accepted.Except(active));
        Assert.Equal(active.Length, (await HeldAsync(third)).Jobs);

        // The quota and what counts for it survive the restart.
        third.ExpectErrors("");
        _redis.Kill();
        await _redis.StartAgainAsync();
        await Eventually.TrueAsync(async () => await IsReachableAsync(third), "the gateway has found Redis again");
        (string[] more, _) = await StormAsync([third.Client], 40);
        Assert.Equal(Most - active.Length, more.Length);
        Assert.Equal(Most, (await HeldAsync(third)).Jobs);

        await CancelAsync([third.Client], [.. active, .. more]);
        Assert.Equal(0, (await HeldAsync(third)).Jobs);
    }

    public async ValueTask InitializeAsync()
    {
        _model = _stubs.Add();
        Task<RedisServer> redis = RedisServer.StartAsync(Stop);
        _rabbitMq = await RabbitMqServer.StartAsync(Stop);
        _redis = await redis;
    }

    public async ValueTask DisposeAsync()
    {
        await _rabbitMq.DisposeAsync();
        await _redis.DisposeAsync();
        _stubs.Dispose();
    }

    private static BrownianClientOptions Options { get; } = new()
    {
        RetryTimeout = TimeSpan.Zero,
        Credentials = BrownianClientOptions.Fixed(Node.ApiKey),
    };

    /// <summary>Announces the model with workers that end, so that jobs stay active.</summary>
    private async Task AnnounceAsync()
    {
        await using Node workers = await Node.StartAsync(Node.Workers, ServiceRole.Denoiser, Settings);
    }

    private Task<Node> StartGatewayAsync() =>
        Node.StartAsync(static platform => Gateway.GatewayExtensions.AddGateway(platform), ServiceRole.Gateway, Settings);

    private static Task<V1.Tenant> LimitAsync(BrownianClient client, Quotas quotas) => client.Access.SetTenantAsync(
        new SetTenantRequest { Name = "default", Quotas = quotas },
        cancellationToken: Stop).ResponseAsync;

    private async Task<(string[] Accepted, RpcException[] Refused)> StormAsync(BrownianClient[] clients, int requests)
    {
        object[] answers = await Task.WhenAll(Enumerable.Range(0, requests).Select(i => Task.Run<object>(async () =>
        {
            try
            {
                return (await clients[i % clients.Length].Generation.SubmitAsync(
                    Stubs.Request(_model, (ulong)i), deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop)).Id;
            }
            catch (RpcException refused)
            {
                return refused;
            }
        })));
        return ([.. answers.OfType<string>()], [.. answers.OfType<RpcException>()]);
    }

    private static Task<CancelJobResponse[]> CancelAsync(BrownianClient[] clients, string[] ids) => Task.WhenAll(ids.Select((id, i) =>
        clients[i % clients.Length].Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: Stop).ResponseAsync));

    private static IJobStore Store(Node gateway) => gateway.Services.GetRequiredService<IJobStore>();

    private static async Task<(long Requests, long Jobs)> HeldAsync(Node gateway)
    {
        TenantHeld held = await Store(gateway).HeldAsync("default", Stop);
        return (held.RequestsInMinute, held.Jobs);
    }

    private static async Task<IEnumerable<string>> ActiveAsync(Node gateway) =>
        (await Store(gateway).ListAsync(new JobQuery { Tenant = "default", Phases = [JobPhase.Queued, JobPhase.Running] }, Stop)).Jobs
            .Select(job => job.Definition.Id);

    private static async Task<bool> IsReachableAsync(Node gateway)
    {
        try
        {
            await Store(gateway).CountActiveAsync(Stop);
            return true;
        }
        catch (Brownian.Jobs.PlatformUnavailableException)
        {
            return false;
        }
    }
}
