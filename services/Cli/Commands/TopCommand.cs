using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.Client;
using Brownian.V1;
using Spectre.Console;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian top</c>: a live view of queues, workers and jobs.</summary>
internal static class TopCommand
{
    /// <summary>The number of jobs that are shown.</summary>
    private const int Jobs = 20;

    public static Command Create()
    {
        var server = new ServerOption(required: true);
        var every = new Option<double>("--every")
        {
            Description = "Seconds between two readings, 0.5..3600",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 2,
        };
        var once = new Option<bool>("--once") { Description = "Show one reading and end, as without a terminal" };
        var command = new Command("top", "Shows queues, workers and jobs of a server, until Ctrl+C") { server.Option, every, once };
        command.Options.Add(server.Authority);
        command.SetAction((parsed, cancellationToken) =>
        {
            double seconds = parsed.GetValue(every);
            if (seconds is not (>= 0.5 and <= 3600))
            {
                throw new FieldFaultException("--every", seconds, "0.5..3600");
            }
            bool isLive = !parsed.GetValue(once) && !Console.IsOutputRedirected;
            return server.CallAsync(
                parsed,
                async client =>
                {
                    if (isLive)
                    {
                        await ShowAsync(client, TimeSpan.FromSeconds(seconds), cancellationToken);
                    }
                    else
                    {
                        foreach (string line in await ReadAsync(client, cancellationToken))
                        {
                            Console.Out.WriteLine(line);
                        }
                    }
                    return ExitCode.Success;
                },
                cancellationToken);
        });
        return command;
    }

    /// <summary>Shows readings until the command is stopped, which is no error.</summary>
    private static Task ShowAsync(BrownianClient client, TimeSpan every, CancellationToken cancellationToken) =>
        AnsiConsole.Live(new Text("")).AutoClear(false).StartAsync(async display =>
        {
            using var timer = new PeriodicTimer(every);
            try
            {
                do
                {
                    display.UpdateTarget(new Text(string.Join('\n', await ReadAsync(client, cancellationToken))));
                    display.Refresh();
                }
                while (await timer.WaitForNextTickAsync(cancellationToken));
            }
            catch (Exception exception) when (
                exception is OperationCanceledException or Grpc.Core.RpcException { StatusCode: Grpc.Core.StatusCode.Cancelled }
                && cancellationToken.IsCancellationRequested)
            {
                // The user has seen enough.
            }
        });

    private static async Task<IReadOnlyList<string>> ReadAsync(BrownianClient client, CancellationToken cancellationToken)
    {
        var active = new ListJobsRequest { PageSize = Jobs };
        active.States.Add([JobState.Queued, JobState.Running]);
        return LoadView.Lines(
            await client.Workers.GetLoadAsync(new GetLoadRequest(), cancellationToken: cancellationToken),
            (await client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: cancellationToken)).Workers,
            await client.Generation.ListAsync(active, cancellationToken: cancellationToken));
    }
}
