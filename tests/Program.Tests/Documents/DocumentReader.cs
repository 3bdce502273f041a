using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Import.Tests;

namespace Brownian.Program.Tests.Documents;

/// <summary>
/// What the pages of the documentation have in common: a gateway with the models that they name, and a shell that runs their commands.
/// </summary>
public sealed partial class DocumentReader : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    private readonly TemporaryFolder _models = new();
    private ServedProgram? _served;

    /// <summary>What tiny models need in place of a command's words: smaller images, and a tokenizer of their own.</summary>
    private static readonly Dictionary<string, string> Adjusted = new(StringComparer.Ordinal)
    {
        ["--size 1024x1024"] = "--size 128x128",
        ["--size 1536x2048"] = "--size 128x160",
        ["--size 768x1024"] = "--size 96x128",
        ["import v1-5-pruned.safetensors"] = $"import v1-5-pruned.safetensors --config {ReaderFolder.Configurations}",
    };

    /// <summary>Checkpoints of the tiny models.</summary>
    internal Checkpoints Checkpoints { get; } = new();

    public async ValueTask InitializeAsync()
    {
        await ReaderFolder.FillAsync(_models.FullPath, Checkpoints);
        string[] folders = [.. ReaderFolder.Models.Keys.Append("sd15").Append("if").Select(name => _models.Combine(name))];
        _served = new ServedProgram([.. folders.Append("emoji").SelectMany(model => (string[])["--model", model])]);
        await _served.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_served is not null)
        {
            await _served.DisposeAsync();
        }
        Checkpoints.Dispose();
        _models.Dispose();
    }

    /// <summary>Runs a command of a page by bash. In calls by curl, <c>ID</c> is the newest job.</summary>
    /// <param name="command">The command.</param>
    /// <param name="folder">The working directory, which also has the folders of the user.</param>
    /// <returns>What it printed where it failed; null where it ran well.</returns>
    internal async Task<string?> RunAsync(string command, string folder)
    {
        string text = ReaderFolder.Shortened(command).Replace("http://127.0.0.1:5081", _served!.Grpc, StringComparison.Ordinal)
            .Replace("http://127.0.0.1:5080", _served.Json, StringComparison.Ordinal)
            .Replace("http://127.0.0.1:5082", _served.OperatorsJson, StringComparison.Ordinal);
        bool calls = command.StartsWith("curl ", StringComparison.Ordinal);
        if (calls)
        {
            string check = $"cat answer; [ \"$(cat code)\" = {ExpectedStatus(command)} ]";
            text = $"set -e; {await WithIdAsync(text)} -o answer -w '%{{http_code}}' >code; {check}";
        }
        foreach ((string words, string used) in Adjusted)
        {
            text = text.Replace(words, used, StringComparison.Ordinal);
        }
        bool serves = command.StartsWith("brownian serve", StringComparison.Ordinal);
        if (serves)
        {
            text += " --http-port 0 --grpc-port 0 --operator-http-port 0 --operator-grpc-port 0";
        }
        var start = new ProcessStartInfo("bash", ["-c", "set -o pipefail; " + text])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = Path.GetDirectoryName(BrownianProgram.File) + ":" + Environment.GetEnvironmentVariable("PATH");
        start.Environment["HOME"] = folder;
        start.Environment["XDG_CONFIG_HOME"] = Path.Combine(folder, ".config");
        start.Environment["XDG_DATA_HOME"] = Path.Combine(folder, ".local", "share");
        start.Environment["TOKEN"] = ServedProgram.OperatorToken;
        start.Environment["BROWNIAN_SERVER"] = _served.Grpc;
        start.Environment["BROWNIAN_OPERATORS"] = _served.Operators;
        start.Environment["BROWNIAN_OPERATOR_TOKEN"] = ServedProgram.OperatorToken;
        using Process shell = Process.Start(start)!;
        shell.StandardInput.Close();
        using var deadline = new CancellationTokenSource(Deadline);
        Task<string> errors = shell.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            if (serves)
            {
                while (await shell.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
                {
                    if (line.Contains("Application started", StringComparison.Ordinal))
                    {
                        return null;
                    }
                }
                return await errors;
            }
            string output = await shell.StandardOutput.ReadToEndAsync(deadline.Token);
            await shell.WaitForExitAsync(deadline.Token);
            if (command.StartsWith("brownian examples", StringComparison.Ordinal))
            {
                await ReaderFolder.ShrinkAsync(folder);
            }
            return shell.ExitCode == 0 ? null : $"exit code {shell.ExitCode}: {output}{await errors}";
        }
        catch (OperationCanceledException)
        {
            return $"did not end in {Deadline}";
        }
        finally
        {
            if (!shell.HasExited)
            {
                shell.Kill(entireProcessTree: true);
                await shell.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    /// <summary>Puts the id of the newest job, after its end, in place of the word that stands for it.</summary>
    private async Task<string> WithIdAsync(string command)
    {
        using var client = new HttpClient();
        if (JobId().IsMatch(command))
        {
            JsonNode jobs = JsonNode.Parse(await client.GetStringAsync(new Uri(_served!.Json + "/v1/jobs?page_size=1")))!;
            string id = (string)jobs["jobs"]![0]!["id"]!;
            // The events end with the job. A client that comes back later is told that there are no more.
            await client.GetStringAsync(new Uri($"{_served.Json}/v1/jobs/{id}/events"));
            command = JobId().Replace(command, id);
        }
        return command;
    }

    /// <summary>The status that the page says a call gets.</summary>
    private static int ExpectedStatus(string command) => command.Contains("\"steps\": 0", StringComparison.Ordinal) ? 400 : 200;

    [GeneratedRegex(@"(?<=/)ID(?=\b)")]
    private static partial Regex JobId();
}
