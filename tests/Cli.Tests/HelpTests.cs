using System.Text.Json.Nodes;
using Brownian.Cli.Help;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Tests;

public sealed class HelpTests
{
    [Fact]
    public async Task The_help_of_every_command_fits_a_terminal_of_100_columns()
    {
        using var folder = new TemporaryFolder();
        var paths = new Queue<string[]>([[]]);
        int seen = 0;
        while (paths.TryDequeue(out string[]? path))
        {
            ProgramResult help = await CommandLine.RunAsync(folder, [.. path, "--help"]);
            ProgramResult same = await CommandLine.RunAsync(folder, ["help", .. path]);
            Assert.Equal((0, ""), (help.ExitCode, help.Error));
            Assert.Equal(help.OutputText, same.OutputText);
            string[] lines = help.OutputText.Split('\n');
            Assert.All(lines, line => Assert.InRange(line.Length, 0, HelpWriter.Width));
            seen++;
            foreach (string line in lines.SkipWhile(line => line != "Commands:").Skip(1).TakeWhile(line => line.Length > 0)
                .Where(line => line.Length > 2 && line[2] != ' '))
            {
                paths.Enqueue([.. path, line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]]);
            }
        }
        Assert.InRange(seen, 40, 200);
    }

    [Fact]
    public async Task Generates_options_are_in_groups_with_defaults_and_three_examples()
    {
        using var folder = new TemporaryFolder();
        string[] lines = (await CommandLine.RunAsync(folder, "generate", "--help")).OutputText.Split('\n');
        string[] titles = [.. lines.Where(line => line is [not ' ', .., ':'])];
        Assert.Equal(
            [
                "Usage:", "Examples:", "Arguments:", "Prompt:", "Image:", "Sampling:", "Model and adapters:", "ControlNet:", "Stable Diffusion XL:",
                "Whole requests:", "Output:", "Several requests:", "Server:", "Advanced:",
            ],
            titles.Where(title => title != "Options:"));
        Assert.Equal(3, lines.SkipWhile(line => line != "Examples:").Skip(1).TakeWhile(line => line.Length > 0).Count());
        string options = string.Join(' ', lines.SkipWhile(line => line != "Prompt:"));
        string text = string.Join(' ', options.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        foreach (RequestField field in RequestSchema.Request.All.Where(field => text.Contains($" {field.Option} ", StringComparison.Ordinal))
            .Where(field => field.Declared.Default is not "none" && field.Declared.Group != FieldGroup.Output))
        {
            string after = text[text.IndexOf($" {field.Option} ", StringComparison.Ordinal)..];
            int end = after.IndexOf(" --", 1, StringComparison.Ordinal);
            Assert.Contains("default: ", end < 0 ? after : after[..end], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("generat is not a command (did you mean generate?)", "generat", "x")]
    [InlineData("lst is not a command (did you mean list?)", "models", "lst")]
    [InlineData("COMMAND: \"generat\" is not allowed (did you mean generate?)", "help", "generat")]
    [InlineData("\"apple\" is one argument too many; a text of several words needs quotes", "generate", "red", "apple")]
    [InlineData("SHELL: \"bsh\" is not allowed (did you mean bash?)", "completion", "bsh")]
    [InlineData("--preset: \"draf\" is not allowed (did you mean draft?)", "generate", "x", "--preset", "draf")]
    public async Task What_does_not_exist_is_refused_with_what_was_meant(string says, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await CommandLine.RunAsync(folder, arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("generate x --scheduler eul", "euler", "euler_a", "euler_beta", "euler_exponential", "euler_karras")]
    [InlineData("generate x --model em", "emoji")]
    [InlineData("generate x --noise-d", "--noise-dtype")]
    [InlineData("generate x --prompt-syntax ", "a1111", "plain")]
    [InlineData("models s", "show")]
    [InlineData("generate x --scheduler=euler_b", "euler_beta")]
    [InlineData("completion ", "bash", "fish", "powershell", "zsh")]
    public async Task A_line_is_completed(string line, params string[] words)
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await CommandLine.RunAsync(folder, "complete", "--", "brownian " + line);
        Assert.Equal(
            words,
            result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(word => word is [not ('/' or '-'), ..] or "--noise-dtype"));
        ProgramResult before = await CommandLine.RunAsync(folder, "complete", "--position", "12", "--", "brownian mod and more");
        Assert.Equal("models\n", before.OutputText);
    }

    [Fact]
    public async Task Defaults_are_set_used_and_removed()
    {
        using var folder = new TemporaryFolder();
        ProgramResult wrong = await CommandLine.RunAsync(folder, "config", "set", "stpes", "3");
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains("stpes: is not a setting (did you mean steps?)", wrong.Error, StringComparison.Ordinal);
        ProgramResult far = await CommandLine.RunAsync(folder, "config", "set", "steps", "0");
        Assert.Contains("steps: 0 is not allowed; allowed: 1..1000", far.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));

        Assert.Equal(0, (await CommandLine.RunAsync(folder, "config", "set", "steps", "7")).ExitCode);
        Assert.Equal(0, (await CommandLine.RunAsync(folder, "config", "set", "width", "60")).ExitCode);
        Assert.Equal("steps = 7\nwidth = 60\n", (await CommandLine.RunAsync(folder, "config")).OutputText);
        Assert.Equal("steps = 7\nwidth = 60\n", (await CommandLine.RunAsync(folder, "config", "list")).OutputText);
        Assert.Equal("7\n", (await CommandLine.RunAsync(folder, "config", "get", "steps")).OutputText);
        // A caller that gives no width is told where the wrong one comes from; an option replaces it.
        string file = folder.Combine("config", "config.json");
        ProgramResult used = await CommandLine.RunAsync(folder, "generate", "x", "-o", "x.png");
        Assert.Matches($"width: 60 is not allowed; .* \\(from {file}\\)", used.Error);
        ProgramResult replaced = await CommandLine.RunAsync(folder, "generate", "x", "-o", "x.png", "--width", "61");
        Assert.DoesNotContain(file, replaced.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLine.RunAsync(folder, "config", "unset", "width")).ExitCode);
        ProgramResult gone = await CommandLine.RunAsync(folder, "config", "unset", "width");
        Assert.Contains("width: is not set; set: steps", gone.Error, StringComparison.Ordinal);
        ProgramResult unknown = await CommandLine.RunAsync(folder, "config", "get", "stpes");
        Assert.Contains("NAME: is not a setting (did you mean steps?)", unknown.Error, StringComparison.Ordinal);

        await File.WriteAllTextAsync(folder.Combine("config", "config.json"), "{\"nonsense\": 1}", TestContext.Current.CancellationToken);
        ProgramResult damaged = await CommandLine.RunAsync(folder, "generate", "x", "-o", "x.png");
        Assert.Equal(2, damaged.ExitCode);
        Assert.Contains("config.json: nonsense: is not a setting", damaged.Error, StringComparison.Ordinal);

        // What is wrong in the file can be replaced and removed.
        await File.WriteAllTextAsync(file, "{\"steps\": 0, \"eta\": 200}", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await CommandLine.RunAsync(folder, "config", "set", "steps", "5")).ExitCode);
        Assert.Equal(0, (await CommandLine.RunAsync(folder, "config", "unset", "eta")).ExitCode);
        Assert.Equal("steps = 5\n", (await CommandLine.RunAsync(folder, "config")).OutputText);
        File.Delete(file);
        Directory.CreateDirectory(file);
        ProgramResult refused = await CommandLine.RunAsync(folder, "config", "set", "steps", "3");
        Assert.Contains($"{file} cannot be written: it is a folder", refused.Error, StringComparison.Ordinal);
        Assert.Equal([file], Directory.GetFileSystemEntries(folder.Combine("config")));
    }

    [Theory]
    [InlineData("scheduler: \"eular\" is not allowed (did you mean euler?)", "scheduler", "eular")]
    [InlineData("scheduler: \"eular\" is not allowed (did you mean euler?)", "scheduler", "{\"_class_name\": \"eular\"}")]
    [InlineData("server: \"http://foo bar\" is not allowed; allowed: a gateway's gRPC address", "server", "foo bar")]
    [InlineData("server: \"ftp://host\" is not allowed; allowed: a gateway's gRPC address", "server", "ftp://host")]
    [InlineData("server: \"\" is not allowed; allowed: the address of a gateway's gRPC port", "server", "")]
    public async Task A_default_that_no_command_could_use_is_refused(string says, string name, string value)
    {
        using var folder = new TemporaryFolder();
        ProgramResult refused = await CommandLine.RunAsync(folder, "config", "set", name, value);
        Assert.Equal((2, false), (refused.ExitCode, Directory.Exists(folder.Combine("config"))));
        Assert.Contains(says, refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_is_not_here_is_named_when_it_is_set_and_where_it_is_used()
    {
        using var folder = new TemporaryFolder();
        ProgramResult set = await CommandLine.RunAsync(folder, "config", "set", "model", "emojy");
        Assert.Equal(0, set.ExitCode);
        Assert.Contains("\"emojy\" is no model of this machine (did you mean emoji?)", set.Error, StringComparison.Ordinal);
        ProgramResult used = await CommandLine.RunAsync(folder, "generate", "x", "-o", "x.png");
        Assert.Contains($"(from {folder.Combine("config", "config.json")})", used.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_listed_as_JSON_too()
    {
        using var folder = new TemporaryFolder();
        var models = JsonNode.Parse((await CommandLine.RunAsync(folder, "models", "list", "--json")).OutputText) as JsonArray;
        JsonNode emoji = models!.Single(model => (string?)model!["name"] == "emoji")!;
        Assert.Equal(
            ("Stable Diffusion 1.x/2.x", "64x64", "CC-BY-4.0", true),
            ((string?)emoji["family"], (string?)emoji["size"], (string?)emoji["license"], (bool?)emoji["default"]));
    }

    [Theory]
    [InlineData("brownian models needs a command: list, show, prune", "models")]
    [InlineData("brownian jobs needs a command: list, get, watch, cancel, retry", "jobs")]
    [InlineData("SHELL is missing: bash, zsh, fish, powershell", "completion")]
    [InlineData("FILE is missing: A PNG, JPEG or WebP file", "info")]
    [InlineData("FILE: \"gone.png\" cannot be read: there is no such file", "info", "gone.png")]
    [InlineData("FILE: \"\" cannot be read: this is no path of a file", "info", "")]
    [InlineData("SOURCE: \"\" is not allowed; allowed: a diffusers folder or a file that exists", "import", "")]
    [InlineData("NAME: \"draf\" is not allowed (did you mean draft?)", "presets", "show", "draf")]
    [InlineData("http://127.0.0.1:1 (--operators): Connection refused", "workers", "list", "--operators", "http://127.0.0.1:1")]
    public async Task What_is_missing_or_cannot_be_reached_is_named(string says, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await CommandLine.RunAsync(folder, arguments);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Examples_are_written_again_but_replace_no_other_file()
    {
        using var folder = new TemporaryFolder();
        string target = folder.Combine("here"), photo = folder.Combine("here", "photo.png");
        string[] written = (await CommandLine.RunAsync(folder, "examples", target)).OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Directory.GetFiles(target).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal), written);
        Assert.Contains("photo.png", written);
        Assert.Equal(0, (await CommandLine.RunAsync(folder, "examples", target)).ExitCode);

        await File.WriteAllTextAsync(photo, "mine", TestContext.Current.CancellationToken);
        File.Delete(folder.Combine("here", "edges.png"));
        ProgramResult refused = await CommandLine.RunAsync(folder, "examples", target);
        Assert.Equal((2, false), (refused.ExitCode, File.Exists(folder.Combine("here", "edges.png"))));
        Assert.Contains($"FOLDER: {photo} is another file", refused.Error, StringComparison.Ordinal);

        File.Delete(photo);
        File.CreateSymbolicLink(photo, folder.Combine("nowhere"));
        Assert.Contains($"{photo} is another file", (await CommandLine.RunAsync(folder, "examples", target)).Error, StringComparison.Ordinal);
        Assert.Equal(2, (await CommandLine.RunAsync(folder, "examples", "")).ExitCode);
        ProgramResult file = await CommandLine.RunAsync(folder, "examples", Path.Combine(target, "pose.png"));
        Assert.Equal(2, file.ExitCode);
        Assert.Contains("pose.png is no folder", file.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Presets_are_listed_shown_and_replaced_by_options()
    {
        using var folder = new TemporaryFolder();
        string list = (await CommandLine.RunAsync(folder, "presets")).OutputText;
        Assert.All(["draft", "lcm", "quality"], name => Assert.Contains(name + "    ", list, StringComparison.Ordinal));
        Assert.Equal(list, (await CommandLine.RunAsync(folder, "presets", "list")).OutputText);
        Assert.Contains("\"steps\": 10", (await CommandLine.RunAsync(folder, "presets", "show", "draft")).OutputText, StringComparison.Ordinal);
        string own = folder.Combine("own.json");
        await File.WriteAllTextAsync(own, "{\"description\": \"x\", \"steps\": 0, \"eta\": 200}", TestContext.Current.CancellationToken);
        ProgramResult used = await CommandLine.RunAsync(folder, "generate", "x", "--preset", own, "--eta", "0");
        Assert.Matches($"steps: 0 is not allowed; .* \\(from {own}\\)", used.Error);
        Assert.DoesNotContain("eta", used.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(own, "{\"setps\": 3}", TestContext.Current.CancellationToken);
        ProgramResult wrong = await CommandLine.RunAsync(folder, "generate", "x", "--preset", own);
        Assert.Contains("setps: is not a field of a request (did you mean steps?)", wrong.Error, StringComparison.Ordinal);
        ProgramResult both = await CommandLine.RunAsync(folder, "generate", "--request", own, "--preset", "draft");
        Assert.Contains("--preset: cannot be given with --request", both.Error, StringComparison.Ordinal);
    }
}
