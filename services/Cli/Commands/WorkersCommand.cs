using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian workers</c>: the workers of a gateway, and commands that drain, pause and resume them.</summary>
internal static class WorkersCommand
{
    private const string TokenVariable = "BROWNIAN_OPERATOR_TOKEN";

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
        var server = new ServerOption(required: true);
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("list", "Lists workers with their state and models") { server.Option, json };
        command.Options.Add(server.Authority);
        command.SetAction((parsed, cancellationToken) => server.CallAsync(
            parsed,
            async client =>
            {
                ListWorkersResponse response = await client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: cancellationToken);
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(JobText.Json(response));
                    return ExitCode.Success;
                }
                foreach (Worker worker in response.Workers)
                {
                    Console.Out.WriteLine(Line(worker));
                }
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static Command ControlCommand(
        string name, string description, Func<BrownianClient, WorkerRequest, CancellationToken, Task<Worker>> send)
    {
        var server = new ServerOption(required: true);
        var id = new Argument<string>("ID") { Description = "A worker's id, as workers list shows it" };
        var json = new Option<bool>("--json") { Description = "Write the worker to standard output as JSON" };
        var token = new Option<string?>("--token")
        {
            Description =
                $"The operators' token; when not given, the value of {TokenVariable} or the token in the data folder of a server on this machine",
            HelpName = "TOKEN",
        };
        var command = new Command(name, description) { id, server.Option, token, json };
        command.Options.Add(server.Authority);
        command.SetAction((parsed, cancellationToken) => server.CallAsync(
            parsed,
            async client =>
            {
                Worker worker = await send(client, new WorkerRequest { Id = parsed.GetValue(id)! }, cancellationToken);
                Console.Out.WriteLine(parsed.GetValue(json) ? JobText.Json(worker) : Line(worker));
                return ExitCode.Success;
            },
            cancellationToken,
            parsed.GetValue(token) ?? FindToken()));
        return command;
    }

    private static string? FindToken()
    {
        if (Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token)
        {
            return token;
        }
        string file = Path.Combine(PlatformOptions.DefaultDataFolder, OperatorAccess.FileName);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The file belongs to another user's server; the call reports that the token is missing.
            return null;
        }
    }

    private static string Line(Worker worker) => string.Join(
        "    ",
        (
            (string[])
            [
                worker.Id, worker.Role, worker.State, $"{worker.Busy}/{worker.Slots} busy",
                worker.Device is { Length: > 0 } device ? device : worker.Provider, string.Join(",", worker.Models), worker.Address
            ])
            .Where(part => part.Length > 0));
}
