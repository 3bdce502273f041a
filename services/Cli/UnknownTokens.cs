using System.CommandLine;
using System.CommandLine.Parsing;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli;

/// <summary>
/// Finds options and commands that do not exist, and says what they were probably meant to be. The command-line library would take an unknown option
/// for an argument, for example for the prompt.
/// </summary>
internal static class UnknownTokens
{
    /// <summary>Options of other programs that mean several things, with what they are here.</summary>
    private static readonly Dictionary<string, string> Answers = new(StringComparer.Ordinal)
    {
        ["-n"] = "the number of images is --count, the negative prompt --negative",
        ["-s"] = "the seed is --seed, the number of steps --steps",
        ["-p"] = "the prompt is the first argument",
        ["--prompt"] = "the prompt is the first argument",
        ["--schedule-type"] = "a sampler and its schedule are one name, such as --scheduler dpm++_2m_karras",
        ["--version"] = "\"brownian --version\" prints the version",
        ["--lora-weight"] = "a LoRA's weight follows its file: --lora FILE:WEIGHT",
    };

    /// <summary>Returns a message for each unknown option or argument.</summary>
    public static IEnumerable<string> In(ParseResult parsed)
    {
        HashSet<Token> literal = new(parsed.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash), ReferenceEqualityComparer.Instance);
        bool isExpected = parsed.CommandResult.Command.Arguments.Count > 0;
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult command; result = result.Parent)
        {
            foreach (Token token in command.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens))
            {
                if (token.Value is ['-', _, ..] && !literal.Contains(token))
                {
                    yield return Describe(parsed, token.Value, isExpected);
                }
            }
        }
        // The value of an unknown option is no fault of its own.
        string[] all = [.. parsed.Tokens.Select(token => token.Value)];
        int from = 0;
        foreach (string token in parsed.UnmatchedTokens)
        {
            int place = Array.IndexOf(all, token, from);
            from = Math.Max(from, place + 1);
            bool isValue = token is not ['-', _, ..] && place > 0 && all[place - 1] is ['-', _, ..]
                && parsed.UnmatchedTokens.Contains(all[place - 1]);
            if (!isValue)
            {
                yield return Describe(parsed, token, isExpected);
            }
        }
    }

    /// <summary>Returns the messages of the command-line library about anything else.</summary>
    public static IEnumerable<string> OtherErrors(ParseResult parsed) =>
        parsed.Errors.Where(error => !parsed.UnmatchedTokens.Any(token => error.Message.Contains($"'{token}'", StringComparison.Ordinal)))
            .Where(_ => parsed.UnmatchedTokens.Count == 0 || parsed.CommandResult.Command.Subcommands.Count == 0)
            .Select(error => Missing(parsed, error) ?? GivenTwice(parsed, error) ?? error.Message.TrimEnd('.'));

    /// <summary>Returns the message about a command or argument that was not given; null for other errors.</summary>
    private static string? Missing(ParseResult parsed, ParseError error)
    {
        Command command = parsed.CommandResult.Command;
        IEnumerable<string> commands = command.Subcommands.Where(child => !child.Hidden).Select(child => child.Name);
        return error.SymbolResult is CommandResult && command is { Action: null, Subcommands.Count: > 0 }
            ? $"{CommandHelp.PathOf(command)} needs a command: {string.Join(", ", commands)}"
            : error.SymbolResult is ArgumentResult { Tokens.Count: 0 } argument
            ? $"{argument.Argument.Name} is missing: {argument.Argument.Description}"
            : null;
    }

    /// <summary>Returns the message about an option that was given several times, perhaps by several of its names; null for other errors.</summary>
    private static string? GivenTwice(ParseResult parsed, ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Option: { Arity.MaximumNumberOfValues: 1 } option, Tokens.Count: > 1 })
        {
            return null;
        }
        string[] given = [.. parsed.Tokens.Select(token => token.Value).Where(value => value == option.Name || option.Aliases.Contains(value))];
        string names = string.Join(" and ", given.Distinct());
        string times = $"given {given.Length.ToString(CultureInfo.InvariantCulture)} times";
        return (given.Distinct().Count() > 1 ? $"{names} are one option, which was {times}" : $"{names} was {times}")
            + (option.Name == "--scheduler" ? "; a sampler and its schedule are one name, such as dpm++_2m_karras" : "");
    }

    private static string Describe(ParseResult parsed, string token, bool isArgumentExpected)
    {
        Command command = parsed.CommandResult.Command;
        if (token is not ['-', _, ..])
        {
            return command.Subcommands.Count == 0
                ? $"\"{token}\" is one argument too many; a text of several words needs quotes"
                : $"{token} is not a command{Spelling.Hint(token, command.Subcommands.Where(child => !child.Hidden).Select(child => child.Name))}";
        }
        string name = token.Split('=')[0];
        if (Answers.TryGetValue(name, out string? answer))
        {
            return $"{token} is not an option; {answer}";
        }
        string[] known =
        [
            .. command.Options.Concat(command.Parents.OfType<Command>().SelectMany(parent => parent.Options).Where(option => option.Recursive))
                .Where(option => !option.Hidden).Select(option => option.Name),
            "--help",
        ];
        // Other programs write underscores.
        string? own = known.FirstOrDefault(option => option == name.Replace('_', '-'))
            ?? command.Options.FirstOrDefault(option => option.Aliases.Contains(name.Replace('_', '-')))?.Name;
        string? meant = own is not null ? own : OtherNames.Fields.TryGetValue(name.TrimStart('-').Replace('-', '_'), out string? field)
            && RequestSchema.Find(field)?.Option is { } option && known.Contains(option) ? option : Spelling.Nearest(name, known);
        return $"{token} is not an option{Spelling.Meant(meant)}"
            + (meant is null && isArgumentExpected && !IsOption(name)
                ? $"; put an argument that begins with a dash after --, as in: -- {token}" : "");
    }

    /// <summary>Whether a text was surely meant to be an option, and not an argument such as <c>-5 degrees</c>.</summary>
    private static bool IsOption(string text) =>
        text.StartsWith("--", StringComparison.Ordinal) && text[2..].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');
}
