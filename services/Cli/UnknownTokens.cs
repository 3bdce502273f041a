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
        foreach (string token in parsed.UnmatchedTokens)
        {
            yield return Describe(parsed, token, isExpected);
        }
    }

    /// <summary>Returns the messages of the command-line library about anything else.</summary>
    public static IEnumerable<string> OtherErrors(ParseResult parsed) =>
        parsed.Errors.Where(error => !parsed.UnmatchedTokens.Any(token => error.Message.Contains($"'{token}'", StringComparison.Ordinal)))
            .Where(_ => parsed.UnmatchedTokens.Count == 0 || parsed.CommandResult.Command.Subcommands.Count == 0)
            .Select(error => error.Message.TrimEnd('.'));

    private static string Describe(ParseResult parsed, string token, bool isArgumentExpected)
    {
        Command command = parsed.CommandResult.Command;
        if (token is not ['-', _, ..])
        {
            return command.Subcommands.Count == 0
                ? $"\"{token}\" is one argument too many; a text of several words needs quotes"
                : $"{token} is not a command{Spelling.Hint(token, command.Subcommands.Where(child => !child.Hidden).Select(child => child.Name))}";
        }
        if (Answers.TryGetValue(token, out string? answer))
        {
            return $"{token} is not an option; {answer}";
        }
        string name = token.Split('=')[0];
        string[] known =
        [
            .. command.Options.Concat(command.Parents.OfType<Command>().SelectMany(parent => parent.Options).Where(option => option.Recursive))
                .Where(option => !option.Hidden).Select(option => option.Name),
            "--help",
        ];
        string? meant = OtherNames.Fields.TryGetValue(name.TrimStart('-').Replace('-', '_'), out string? field)
            && RequestSchema.Find(field)?.Option is { } option && known.Contains(option) ? option : Spelling.Nearest(name, known);
        return $"{token} is not an option{Spelling.Meant(meant)}"
            + (meant is null && isArgumentExpected ? $"; put an argument that begins with a dash after --, as in: -- {token}" : "");
    }
}
