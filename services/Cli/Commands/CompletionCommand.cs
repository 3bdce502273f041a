using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian completion SHELL</c>: a script that makes a shell complete the commands, options and names of the program.</summary>
internal static class CompletionCommand
{
    private static readonly Dictionary<string, string> Scripts = new(StringComparer.Ordinal)
    {
        ["bash"] = """
            _brownian() {
              local IFS=$'\n'
              COMPREPLY=($(brownian complete --position "$COMP_POINT" -- "$COMP_LINE" 2>/dev/null))
            }
            complete -o default -F _brownian brownian
            """,
        ["zsh"] = """
            #compdef brownian
            _brownian() {
              local -a found
              found=("${(@f)$(brownian complete --position $CURSOR -- "$BUFFER" 2>/dev/null)}")
              if [[ -n "$found" ]]; then compadd -Q -- $found; else _files; fi
            }
            # As a file of $fpath the script is the function itself, which is called; sourced, it defines the function.
            if [[ "$funcstack[1]" == _brownian ]]; then
              _brownian "$@"
            else
              (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
              compdef _brownian brownian
            fi
            """,
        ["fish"] = """
            complete -c brownian -a '(brownian complete -- (commandline --cut-at-cursor --current-process | string collect) 2>/dev/null)'
            """,
        ["powershell"] = """
            Register-ArgumentCompleter -Native -CommandName brownian -ScriptBlock {
              param($word, $line, $position)
              brownian complete --position $position -- "$line" 2>$null | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
              }
            }
            """,
    };

    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = string.Join(", ", Scripts.Keys) };
        shell.CompletionSources.Add([.. Scripts.Keys]);
        var command = new Command("completion", "Prints a script that makes a shell complete commands, options and names") { shell }
            .WithExamples("source <(brownian completion bash)", "brownian completion fish | source");
        command.SetAction(parsed =>
        {
            string name = parsed.GetValue(shell)!;
            Console.Out.WriteLine(Scripts.TryGetValue(name, out string? script)
                ? script
                : throw new FieldFaultException(FieldFault.Of("SHELL", name, string.Join(", ", Scripts.Keys), Spelling.Hint(name, Scripts.Keys))));
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Creates the command that the scripts call: it prints what can stand at a position of a line.</summary>
    /// <param name="root">The program.</param>
    public static Command CreateComplete(RootCommand root)
    {
        var line = new Argument<string>("LINE") { Description = "The line that is being written" };
        var position = new Option<int?>("--position") { Description = "The position of the cursor in it; its end when not given", HelpName = "N" };
        var command = new Command("complete", "Prints what can stand at a position of a line") { line, position };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            string text = parsed.GetValue(line)!;
            text = text[..Math.Clamp(parsed.GetValue(position) ?? text.Length, 0, text.Length)];
            // An option's value after an equals sign is completed as one after a space; shells take the sign for the end of a word, too.
            int equals = text.LastIndexOf('=');
            if (equals > text.LastIndexOf(' ') && text[(text.LastIndexOf(' ') + 1)..].StartsWith("--", StringComparison.Ordinal))
            {
                text = $"{text[..equals]} {text[(equals + 1)..]}";
            }
            string word = text[(text.LastIndexOf(' ') + 1)..];
            foreach (string label in root.Parse(text).GetCompletions(text.Length).Select(completion => completion.InsertText ?? completion.Label)
                .Where(label => label.StartsWith(word, StringComparison.Ordinal) && label is not ("-?" or "/?" or "/h"))
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                Console.Out.WriteLine(label);
            }
            return ExitCode.Success;
        });
        return command;
    }
}
