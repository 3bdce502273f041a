namespace Brownian.Program.Tests;

/// <summary>The scripts of <c>brownian completion</c>, each run by its shell.</summary>
public sealed class CompletionTests
{
    private const string PowerShellVersion = "7.6.9";

    private static readonly string[] Lines =
        ["brownian models s", "brownian generate x --scheduler eul", "brownian generate x --noise-d", "brownian mod"];

    private static readonly string[] Completed =
        ["show", "euler", "euler_a", "euler_beta", "euler_exponential", "euler_karras", "--noise-dtype", "models"];

    /// <summary>What each shell runs: it loads the script in the way of docs/command-line.md, and completes lines as its users do.</summary>
    private static readonly Dictionary<string, (string Extension, string[] Arguments, string Text)> Shells = new(StringComparer.Ordinal)
    {
        ["bash"] = ("sh", ["--norc"], $$"""
            source <(brownian completion bash)
            complete -p brownian >/dev/null || exit 1
            for COMP_LINE in {{Quoted}}; do
              COMP_POINT=${#COMP_LINE}
              _brownian
              printf '%s\n' "${COMPREPLY[@]}"
            done
            """),
        ["zsh"] = ("zsh", ["-f"], $$"""
            autoload -Uz compinit
            compinit -u -d ./dump
            source <(brownian completion zsh)
            [[ $_comps[brownian] == _brownian ]] || exit 1
            # As docs/command-line.md has it: a file that is found and loaded when it is needed.
            unfunction _brownian
            mkdir zfunc && brownian completion zsh > zfunc/_brownian
            fpath=(./zfunc $fpath)
            compinit -u -d ./dump2
            [[ $_comps[brownian] == _brownian ]] || exit 1
            autoload -Uz +X _brownian
            compadd() { shift 2; print -rl -- "$@" }
            _files() { print files }
            for BUFFER in {{Quoted}}; do
              CURSOR=${#BUFFER}
              _brownian
            done
            """),
        ["fish"] = ("fish", ["--no-config"], $$"""
            brownian completion fish | source
            for line in {{Quoted}}
              complete -C $line
            end
            """),
        ["powershell"] = ("ps1", ["-NoProfile", "-NonInteractive", "-File"], $$"""
            brownian completion powershell | Out-String | Invoke-Expression
            foreach ($line in {{string.Join(", ", Lines.Select(line => $"'{line}'"))}}) {
              (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches | ForEach-Object { $_.CompletionText }
            }
            """),
    };

    private static string Quoted => string.Join(' ', Lines.Select(line => $"'{line}'"));

    public static TheoryData<string> Names => [.. Shells.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_shell_completes_commands_options_and_names(string shell)
    {
        using var folder = new TemporaryFolder();
        (string extension, string[] arguments, string text) = Shells[shell];
        string file = folder.Combine("lines." + extension);
        await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);

        ProgramResult run = await RunAsync(shell == "powershell" ? await PowerShellAsync() : shell, [.. arguments, file], folder.FullPath);

        Assert.True(run.ExitCode == 0, run.AllText);
        Assert.Equal(Completed, run.OutputText.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Returns the path of PowerShell, which is installed once as a .NET tool: Debian has none.</summary>
    private static async Task<string> PowerShellAsync()
    {
        string folder = Repository.Combine("artifacts", "tools", "powershell-" + PowerShellVersion), program = Path.Combine(folder, "pwsh");
        if (!File.Exists(program))
        {
            ProgramResult installed =
                await RunAsync("dotnet", ["tool", "install", "PowerShell", "--version", PowerShellVersion, "--tool-path", folder], Repository.Root);
            Assert.True(installed.ExitCode == 0, installed.AllText);
        }
        return program;
    }

    private static Task<ProgramResult> RunAsync(string program, string[] arguments, string folder) => BrownianProgram.RunAsync(new ProgramRun
    {
        File = program,
        Arguments = arguments,
        WorkingDirectory = folder,
        Environment = new Dictionary<string, string>
        {
            ["PATH"] = Path.GetDirectoryName(BrownianProgram.File) + ":" + Environment.GetEnvironmentVariable("PATH"),
            ["POWERSHELL_TELEMETRY_OPTOUT"] = "1",
        },
    });
}
