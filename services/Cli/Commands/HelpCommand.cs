using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian help COMMAND</c>: the same as <c>brownian COMMAND --help</c>.</summary>
internal static class HelpCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="root">The program, whose commands are explained.</param>
    public static Command Create(RootCommand root)
    {
        var names = new Argument<string[]>("COMMAND")
        {
            Description = "A command, such as generate or models list; all commands when not given",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("help", "Shows the options of a command") { names };
        command.SetAction(parsed =>
        {
            Command found = root;
            foreach (string name in parsed.GetValue(names) ?? [])
            {
                string[] known = [.. found.Subcommands.Where(child => !child.Hidden).Select(child => child.Name)];
                found = found.Subcommands.FirstOrDefault(child => child.Name == name)
                    ?? throw new FieldFaultException(FieldFault.Of("COMMAND", name, string.Join(", ", known), Spelling.Hint(name, known)));
            }
            new HelpWriter(parsed.InvocationConfiguration.Output).Write(found);
            return ExitCode.Success;
        });
        return command;
    }
}
