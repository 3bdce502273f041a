using System.Reflection;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Queues;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Broadcasts;

/// <summary>Commands that are broadcast to all processes.</summary>
public sealed class MassTransitBroadcastsTests(RealServers servers)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void MassTransit_is_the_last_version_that_needs_no_licence()
    {
        Assembly assembly = typeof(IBus).Assembly;
        Assert.Equal(8, assembly.GetName().Version?.Major);
        string version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        Assert.Equal("8.5.12", version.Split('+')[0]);
    }

    [Fact]
    public async Task Every_process_receives_a_command_once()
    {
        RabbitMqServer server = await servers.RabbitMq;
        await using var here = new MassTransitBroadcasts(server.Uri, "here", NullLogger<MassTransitBroadcasts>.Instance);
        await using var there = new MassTransitBroadcasts(server.Uri, "there", NullLogger<MassTransitBroadcasts>.Instance);
        await here.StartAsync(Cancelled);
        await there.StartAsync(Cancelled);
        await here.WaitUntilReceivedAsync(server, Cancelled);
        await there.WaitUntilReceivedAsync(server, Cancelled);
        string worker = Guid.NewGuid().ToString("N");
        List<WorkerCommand> receivedHere = [];
        var receivedThere = System.Threading.Channels.Channel.CreateUnbounded<WorkerCommand>();
        using IDisposable one = here.OnCommand(command => Keep(command, worker, receivedHere.Add));
        using IDisposable broken = there.OnCommand(_ => throw new InvalidOperationException("a listener's mistake"));
        using IDisposable two = there.OnCommand(command => Keep(command, worker, kept => receivedThere.Writer.TryWrite(kept)));
        using IDisposable last = there.OnCommand(command => Keep(command, worker, kept => receivedThere.Writer.TryWrite(kept)));
        last.Dispose();
        broken.Dispose();
        await here.PublishAsync(new WorkerCommand(worker, WorkerAction.Pause), Cancelled);
        await here.PublishAsync(new WorkerCommand(worker, WorkerAction.Drain), Cancelled);
        Assert.Equal([WorkerAction.Pause, WorkerAction.Drain], receivedHere.Select(command => command.Action));
        WorkerAction[] actions =
            [(await receivedThere.Reader.ReadAsync(Cancelled)).Action, (await receivedThere.Reader.ReadAsync(Cancelled)).Action];
        Assert.Equal([WorkerAction.Pause, WorkerAction.Drain], actions.Order());
        // A command that returned to its sender would arrive before this one.
        await there.PublishAsync(new WorkerCommand(worker, WorkerAction.Resume), Cancelled);
        await TestQueues.BecomesAsync(() => Task.FromResult(receivedHere.Count == 3), Cancelled);
        Assert.Equal(WorkerAction.Resume, receivedHere[2].Action);
    }

    [Fact]
    public async Task Starting_and_publishing_do_not_wait_for_an_unavailable_broker()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await server.StopAsync();
        await using var broadcasts = new MassTransitBroadcasts(server.Uri, "tests", NullLogger<MassTransitBroadcasts>.Instance);
        await broadcasts.StartAsync(Cancelled).WaitAsync(Eventually.Deadline, Cancelled);
        await broadcasts.PublishAsync(new WorkerCommand("worker", WorkerAction.Pause), Cancelled).WaitAsync(Eventually.Deadline, Cancelled);
        await server.StartAgainAsync();
        await broadcasts.WaitUntilReceivedAsync(server, Cancelled);
        server.Kill();
        await broadcasts.PublishAsync(new WorkerCommand("worker", WorkerAction.Pause), Cancelled).WaitAsync(Eventually.Deadline, Cancelled);
        await server.StartAgainAsync();
        await broadcasts.WaitUntilReceivedAsync(server, Cancelled);
    }

    [Fact]
    public async Task One_registration_adds_queues_and_broadcasts()
    {
        RabbitMqServer server = await servers.RabbitMq;
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        RabbitMqServices.Add(builder.Services, server.Uri, "tests", RealServers.AnswerTime);
        using IHost host = builder.Build();
        await host.StartAsync(Cancelled);
        IStageQueues queues = host.Services.GetRequiredService<IStageQueues>();
        StageQueue queue = TestQueues.Queue();
        await queues.SendAsync(queue, TestQueues.Message(), Cancelled);
        Assert.Equal("job", await queues.TakeAsync(queue, Cancelled));
        await host.Services.GetRequiredService<IBroadcasts>().WaitUntilReceivedAsync(server, Cancelled);
        await host.StopAsync(Cancelled);
    }

    private static void Keep(WorkerCommand command, string worker, Action<WorkerCommand> keep)
    {
        if (command.Worker == worker)
        {
            keep(command);
        }
    }
}
