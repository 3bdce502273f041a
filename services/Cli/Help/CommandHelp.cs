using System.CommandLine;
using System.Runtime.CompilerServices;

namespace Brownian.Cli.Help;

/// <summary>What the help shows of commands and options beside their descriptions.</summary>
internal static class CommandHelp
{
    private static readonly ConditionalWeakTable<Option, StrongBox<HelpGroup>> Groups = [];
    private static readonly ConditionalWeakTable<Command, string[]> Examples = [];

    /// <summary>Puts an option into a group of its command's help.</summary>
    public static T In<T>(this T option, HelpGroup group)
        where T : Option
    {
        Groups.AddOrUpdate(option, new StrongBox<HelpGroup>(group));
        return option;
    }

    /// <summary>Returns an option's group.</summary>
    public static HelpGroup GroupOf(Option option) => Groups.TryGetValue(option, out StrongBox<HelpGroup>? group) ? group.Value : HelpGroup.Options;

    /// <summary>Gives a command examples, which its help shows.</summary>
    /// <param name="command">The command.</param>
    /// <param name="lines">Command lines that run as they stand, once their files exist.</param>
    public static T WithExamples<T>(this T command, params string[] lines)
        where T : Command
    {
        Examples.AddOrUpdate(command, lines);
        return command;
    }

    /// <summary>Returns the words by which a command is called, such as "brownian models list".</summary>
    public static string PathOf(Command command)
    {
        var names = new List<string>();
        for (Symbol? symbol = command; symbol is Command parent; symbol = symbol.Parents.FirstOrDefault())
        {
            names.Insert(0, parent is RootCommand ? "brownian" : parent.Name);
        }
        return string.Join(' ', names);
    }

    /// <summary>Returns a command's examples.</summary>
    public static IReadOnlyList<string> ExamplesOf(Command command) => Examples.TryGetValue(command, out string[]? lines) ? lines : [];
}
