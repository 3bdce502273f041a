using System.CommandLine;
using System.CommandLine.Parsing;
using Brownian.Cli.Commands;
using Brownian.Cli.Remote;
using Brownian.Formats.Files;
using Brownian.Models.Stages;

namespace Brownian.Cli;

/// <summary>Runs the commands of <c>brownian</c>, and reports every failure in one line.</summary>
internal static class CommandLineProgram
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Brownian generates images from prompts with diffusion models, on this machine or at a gateway.")
        {
            GenerateCommand.Create(),
            UpscaleCommand.Create(),
            InterpolateCommand.Create(),
            InfoCommand.Create(),
            ModelsCommand.Create(),
            ImportCommand.Create(),
            PullCommand.Create(),
            SchedulersCommand.Create(),
            RequestCommand.Create(),
            ServeCommand.Create(),
            JobsCommand.Create(),
            WorkersCommand.Create(),
            TopCommand.Create(),
            KeysCommand.Create(),
            TenantsCommand.Create(),
            UsageCommand.Create(),
            AuditCommand.Create(),
            AccountCommand.Create(),
            BenchCommand.Create(),
        };
        root.Directives.Clear();
        // A prompt that begins with @ is a prompt, not a response file with arguments.
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        string[] errors = [.. UnknownOptions(parsed), .. parsed.Errors.Select(error => error.Message.TrimEnd('.'))];
        if (errors.Length > 0)
        {
            return Fail(string.Join("; ", errors) + HelpHint(parsed), ExitCode.Usage);
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                // A run stops within a step; reading a graph or standard input does not, so the program does not wait for those. A server stops by
                // itself: its workers hand back their stages within the time that its settings allow.
                ProcessTerminationTimeout = parsed.CommandResult.Command.Name == ServeCommand.Name ? null : TimeSpan.FromSeconds(5),
            });
        }
        catch (OperationCanceledException)
        {
            return Fail("stopped", ExitCode.Interrupted);
        }
        catch (FieldFaultException exception)
        {
            return Fail(string.Join("; ", exception.Faults), ExitCode.Usage);
        }
        catch (Exception exception) when (exception
            is ServerException or ModelException or DenoiseException or InvalidDataException or NotSupportedException or IOException
                or UnauthorizedAccessException)
        {
            return Fail(exception.Message, ExitCode.Failure);
        }
        catch (Exception exception)
        {
            return Fail($"unexpected failure ({exception.GetType().Name}): {exception.Message}", ExitCode.Failure);
        }
    }

    /// <summary>
    /// Returns errors for unknown options, which the command-line library otherwise parses as arguments, for example as the prompt.
    /// </summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed)
    {
        HashSet<Token> literal = new(parsed.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash), ReferenceEqualityComparer.Instance);
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult command; result = result.Parent)
        {
            foreach (Token token in command.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens))
            {
                if (token.Value is ['-', _, ..] && !literal.Contains(token))
                {
                    yield return $"{token.Value} is not an option; put an argument that begins with a dash after --, as in: -- {token.Value}";
                }
            }
        }
    }

    private static int Fail(string message, int exitCode)
    {
        Console.Error.WriteLine("brownian: " + message.ReplaceLineEndings(" "));
        return exitCode;
    }

    private static string HelpHint(ParseResult parsed)
    {
        var names = new List<string>();
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult command; result = result.Parent)
        {
            names.Insert(0, command.Command is RootCommand ? "brownian" : command.Command.Name);
        }
        return $" (\"{string.Join(' ', names)} --help\" lists what is allowed)";
    }
}
