using System.Text.RegularExpressions;

namespace Brownian.Program.Tests.Documents;

/// <summary>
/// Every command of the documentation that needs no network runs as it stands on its page, one after another, in a folder that holds nothing of the
/// repository: <see cref="ReaderFolder"/>. Gateways are one that the test starts.
/// </summary>
/// <param name="reader">What the pages have in common.</param>
public sealed partial class DocumentCommandsTests(DocumentReader reader) : IClassFixture<DocumentReader>
{
    /// <summary>Programs whose commands are run. Others build, or start servers of other kinds, and have tests of their own.</summary>
    private static readonly string[] Programs = ["brownian", "curl", "openssl", "echo", "mkdir -p", "source"];

    /// <summary>Parts of commands that are not run, and why.</summary>
    private static readonly Dictionary<string, string> NotRun = new(StringComparer.Ordinal)
    {
        ["brownian pull "] = "the network: PullTests",
        ["brownian completion fish"] = "fish: CompletionTests",
        ["brownian completion powershell"] = "PowerShell: CompletionTests",
        ["--device cuda"] = "a GPU",
        ["--ca ca.crt"] = "a server with this certificate: TlsTests",
        ["--model v1-5-pruned.safetensors"] = "a checkpoint with CLIP's own tokenizer: ImportTests of Import.Tests",
        ["import flux1-"] = "a single file of Flux: TransformerFileTests",
        ["import sd3_medium"] = "a single file of Stable Diffusion 3: TransformerFileTests",
        ["http://127.0.0.1:5082/v1/workers/ID/drain"] = "it ends the worker of the test: OperatorTests",
        ["http://127.0.0.1:5082/v1/workers/WORKER/pause"] = "it stops the worker of the test: OperatorTests",
        ["/v1/jobs/ID/retry"] = "a job that failed: UnavailableTests",
        ["local/share/brownian/api-key"] = "a server that needs keys: KeysTests",
    };

    public static TheoryData<string> Pages =>
    [
        "README.md",
        .. Directory.GetFiles(Repository.Combine("docs"), "*.md").Select(file => "docs/" + Path.GetFileName(file)).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_offline_command_of_a_page_runs(string page)
    {
        using var folder = new TemporaryFolder();
        await ReaderFolder.FillAsync(folder.FullPath, reader.Checkpoints);
        PageCommand[] commands = [.. new Page(page).Commands()];
        foreach (PageCommand file in commands.Where(command => command.File is not null))
        {
            await File.WriteAllTextAsync(folder.Combine(file.File!), ReaderFolder.Shortened(file.Text), TestContext.Current.CancellationToken);
        }
        var failures = new List<string>();
        foreach (PageCommand command in commands.Where(command => command.File is null && IsRun(command.Text)))
        {
            if (await reader.RunAsync(command.Text, folder.FullPath) is { } failure)
            {
                failures.Add($"{page}:{command.Line}: {command.Text}\n{failure}");
            }
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    [Fact]
    public void Every_reason_not_to_run_a_command_is_one_of_a_command()
    {
        string[] commands = [.. Pages.SelectMany(row => new Page(row.Data).Commands()).Select(command => command.Text)];
        Assert.Equal([], NotRun.Keys.Where(part => !commands.Any(command => command.Contains(part, StringComparison.Ordinal))));
    }

    private static bool IsRun(string command) =>
        Programs.Any(program => command.StartsWith(program + " ", StringComparison.Ordinal))
        && (command.StartsWith("curl ", StringComparison.Ordinal) || !Placeholder().IsMatch(command))
        && !NotRun.Keys.Any(part => command.Contains(part, StringComparison.Ordinal));

    /// <summary>A usage line: a word in capitals, or an option in brackets.</summary>
    [GeneratedRegex(@"(?<![\w.-])(?:[A-Z]+/NAME|FOLDER|FILE|NAME|PROMPT|IMAGE|ID|COMMAND)(?!\w)|\[options\]|\[--")]
    private static partial Regex Placeholder();
}
