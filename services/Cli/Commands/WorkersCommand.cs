using System.CommandLine;
using Brownian.Cli.Output;
using Brownian.Cli.Remote;
using Brownian.Client;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian workers</c>: the workers of a gateway, and commands that drain, pause and resume them.</summary>
internal static class WorkersCommand
{
    /// <summary>The cell of something that a worker does not have.</summary>
    private const string None = "-";

    public static Command Create() => new("workers", "Shows and controls the workers of a server: list, drain, pause, resume")
    {
        CreateList(),
        ControlCommand(
            "drain", "Lets the worker finish or return its stages, take no new ones, and end", (client, request, token) =>
                client.Workers.DrainAsync(request, cancellationToken: token).ResponseAsync),
        ControlCommand(
            "pause", "Lets the worker take no new stages until it is resumed", (client, request, token) =>
                client.Workers.PauseAsync(request, cancellationToken: token).ResponseAsync),
        ControlCommand(
            "resume", "Lets a paused worker continue, or a drained worker whose process still runs", (client, request, token) =>
                client.Workers.ResumeAsync(request, cancellationToken: token).ResponseAsync),
    };

    private static Command CreateList()
    {
        var operators = new OperatorsOption();
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("list", "Lists workers with their state and models") { json };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) => operators.CallAsync(
            parsed,
            async client =>
            {
                ListWorkersResponse response = await client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: cancellationToken);
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(JobText.Json(response));
                    return ExitCode.Success;
                }
                if (response.Workers.Count == 0)
                {
                    Console.Error.WriteLine("no workers");
                    return ExitCode.Success;
                }
                string[][] rows = [["ID", "ROLE", "STATE", "BUSY", "DEVICE", "MODELS", "ADDRESS"], .. response.Workers.Select(CellsOf)];
                foreach (string line in TextTable.Lines(rows))
                {
                    Console.Out.WriteLine(line);
                }
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static Command ControlCommand(
        string name, string description, Func<BrownianClient, WorkerRequest, CancellationToken, Task<Worker>> send)
    {
        var operators = new OperatorsOption();
        var id = new Argument<string>("ID") { Description = "A worker's id, as workers list shows it" };
        var json = new Option<bool>("--json") { Description = "Write the worker to standard output as JSON" };
        var command = new Command(name, description) { id, json };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) => operators.CallAsync(
            parsed,
            async client =>
            {
                Worker worker = await send(client, new WorkerRequest { Id = parsed.GetValue(id)! }, cancellationToken);
                Console.Out.WriteLine(parsed.GetValue(json) ? JobText.Json(worker) : Line(worker));
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static string Line(Worker worker) => string.Join("    ", CellsOf(worker).Where(part => part != None));

    private static string[] CellsOf(Worker worker) =>
    [
        worker.Id, worker.Role, worker.State, $"{worker.Busy}/{worker.Slots} busy",
        Cell(worker.Device is { Length: > 0 } device ? device : worker.Provider), Cell(string.Join(",", worker.Models)), Cell(worker.Address),
    ];

    private static string Cell(string text) => text.Length > 0 ? text : None;
}
