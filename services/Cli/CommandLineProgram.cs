using System.CommandLine;
using System.CommandLine.Help;
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
            ConfigCommand.Create(),
            DoctorCommand.Create(),
            PresetsCommand.Create(),
            ExamplesCommand.Create(),
        }.WithExamples("brownian generate \"red apple, flat\" --seed 7 -o apple.png", "brownian import v1-5-pruned.safetensors --name sd15");
        root.Add(CompletionCommand.Create());
        root.Add(CompletionCommand.CreateComplete(root));
        root.Add(HelpCommand.Create(root));
        root.Directives.Clear();
        root.Options.OfType<HelpOption>().Single().Action = new GroupedHelpAction();
        // A prompt that begins with @ is a prompt, not a response file with arguments.
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        string[] errors = [.. UnknownTokens.In(parsed), .. UnknownTokens.OtherErrors(parsed)];
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

    private static int Fail(string message, int exitCode)
    {
        Console.Error.WriteLine("brownian: " + message.ReplaceLineEndings(" "));
        return exitCode;
    }

    private static string HelpHint(ParseResult parsed) =>
        $" (\"{CommandHelp.PathOf(parsed.CommandResult.Command)} --help\" lists what is allowed)";
}
