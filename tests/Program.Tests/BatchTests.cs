using System.Text.Json.Nodes;
using Brownian.Imaging;

namespace Brownian.Program.Tests;

/// <summary><c>brownian generate</c> for several requests at once, here and at a gateway.</summary>
public sealed class BatchTests(ServedProgram served) : IClassFixture<ServedProgram>
{
    private static readonly string[] Quick = ["--steps", "2", "--seed", "7"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_line_of_a_file_gives_the_bytes_of_a_command_of_its_own(bool isRemote)
    {
        using var folder = new TemporaryFolder();
        string[] server = isRemote ? ["--server", served.Grpc] : [];
        await File.WriteAllTextAsync(
            folder.Combine("rows.csv"), "prompt,seed,output.format\n\"red apple, flat\",,\nowl,8,webp\n", TestContext.Current.CancellationToken);

        ProgramResult made = await RunAsync(folder, ["generate", "--from-file", "rows.csv", .. Quick, .. server, "-o", "images/", "--json"]);

        Assert.True(made.ExitCode == 0, made.AllText);
        Assert.Equal(["0000.png", "0001.webp", "batch.jsonl"], Entries(folder, "images"));
        JsonNode report = JsonNode.Parse(made.Output)!;
        Assert.Equal(2, report["images"]!.AsArray().Count);
        await RunAsync(folder, ["generate", "red apple, flat", .. Quick, "-o", "one.png"]);
        await RunAsync(folder, ["generate", "owl", "--steps", "2", "--seed", "8", "-o", "two.webp"]);
        Assert.Equal(File.ReadAllBytes(folder.Combine("one.png")), File.ReadAllBytes(folder.Combine("images", "0000.png")));
        Assert.Equal(File.ReadAllBytes(folder.Combine("two.webp")), File.ReadAllBytes(folder.Combine("images", "0001.webp")));
    }

    [Fact]
    public async Task A_second_run_makes_only_what_is_missing_and_a_sheet_shows_all()
    {
        using var folder = new TemporaryFolder();
        string[] command = ["generate", "owl", "--steps", "1", "--matrix", "seed=1..2,guidance_scale=3,5", "-o", "images/", "--sheet", "sheet.png"];
        ProgramResult first = await RunAsync(folder, command);
        Assert.True(first.ExitCode == 0, first.AllText);
        DateTime before = File.GetLastWriteTimeUtc(folder.Combine("images", "0000.png"));
        File.Delete(folder.Combine("images", "0002.png"));

        ProgramResult second = await RunAsync(folder, command);

        Assert.Equal(before, File.GetLastWriteTimeUtc(folder.Combine("images", "0000.png")));
        Assert.Contains("1 images, 3 requests were finished before", second.Error, StringComparison.Ordinal);
        Assert.Contains("0002.png (4/4): seed=2, guidance_scale=3", second.Error, StringComparison.Ordinal);
        Assert.Equal(["0000.png", "0001.png", "0002.png", "0003.png", "batch.jsonl"], Entries(folder, "images"));
        // Two columns and two rows of images of 64 x 64 with labels.
        Formats.Images.Raster sheet = ImageReader.Read(File.ReadAllBytes(folder.Combine("sheet.png")));
        Assert.Equal((2 * 64) + (3 * 8), sheet.Width);
        Assert.InRange(sheet.Height, 2 * (64 + 15), 2 * (64 + 100));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Variants_are_chosen_for_each_image_by_its_seed(bool isRemote)
    {
        using var folder = new TemporaryFolder();
        string[] server = isRemote ? ["--server", served.Grpc] : [];
        Directory.CreateDirectory(folder.Combine("lists"));
        await File.WriteAllTextAsync(folder.Combine("lists", "animal.txt"), "owl\nfox\ncat\n", TestContext.Current.CancellationToken);

        ProgramResult made = await RunAsync(
            folder,
            ["generate", "{red|blue} __animal__", "--wildcards", "lists", "--count", "6", .. Quick, .. server, "-o", "images/"]);

        Assert.True(made.ExitCode == 0, made.AllText);
        string[] prompts = [.. Enumerable.Range(0, 6).Select(i => PromptOf(folder.Combine("images", $"000{i}.png")))];
        Assert.All(prompts, prompt => Assert.Matches("^(red|blue) (owl|fox|cat)$", prompt));
        Assert.True(prompts.Distinct().Count() > 1, string.Join(", ", prompts));
        await RunAsync(folder, ["generate", prompts[3], "--steps", "2", "--seed", "10", "-o", "one.png"]);
        Assert.Equal(File.ReadAllBytes(folder.Combine("one.png")), File.ReadAllBytes(folder.Combine("images", "0003.png")));
    }

    [Fact]
    public async Task Faults_of_all_lines_are_reported_together_before_anything_is_made()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(
            folder.Combine("rows.jsonl"), "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"steps\": 0}\n{\"prompt\": \"c\", \"widht\": 64}\n",
            TestContext.Current.CancellationToken);

        ProgramResult refused = await RunAsync(folder, ["generate", "--from-file", "rows.jsonl", "-o", "images/"]);

        Assert.Equal(2, refused.ExitCode);
        Assert.StartsWith(
            "brownian: rows.jsonl:2: steps: 0 is not allowed; allowed: 1..1000; rows.jsonl:3: widht: is not a field of a request "
                + "(did you mean width?)",
            refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.Combine("images")));
    }

    [Theory]
    [InlineData("--output: \"one.png\" is not allowed; allowed: for several requests a folder", "--matrix", "seed=1..2", "-o", "one.png")]
    [InlineData("--output: \"none\" is not allowed", "--matrix", "seed=1..2")]
    [InlineData("--detach: cannot be given for several requests", "--matrix", "seed=1..2", "-o", "a/", "--detach", "--server", "127.0.0.1:9")]
    [InlineData("--stop-after: cannot be given for several requests", "--matrix", "seed=1..2", "-o", "a/", "--stop-after", "denoise")]
    [InlineData("--sheet: \"a.gif\" is not allowed; allowed: a file name that ends in .png", "--sheet", "a.gif", "-o", "a/")]
    [InlineData("--wildcards: \"nowhere\" is not allowed; allowed: a folder that exists", "--wildcards", "nowhere", "-o", "a/")]
    [InlineData("--from-file: \"nowhere.txt\" cannot be read: ", "--from-file", "nowhere.txt", "-o", "a/")]
    [InlineData("prompt: names the wildcard __a__; allowed: --wildcards FOLDER", "__a__", "--wildcards", "-o", "a/")]
    public async Task Options_that_do_not_fit_are_refused(string says, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        string[] prompt = arguments[0].StartsWith("--", StringComparison.Ordinal) ? ["owl"] : [];

        ProgramResult refused = await RunAsync(folder, ["generate", .. prompt, .. arguments]);

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(says, refused.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public async Task An_image_that_several_lines_name_gives_the_same_bytes_at_a_gateway()
    {
        using var folder = new TemporaryFolder();
        await RunAsync(folder, ["generate", "owl", .. Quick, "-o", "owl.png"]);
        await File.WriteAllTextAsync(
            folder.Combine("rows.csv"), "prompt,init_image\nowl,owl.png\nfox,owl.png\n", TestContext.Current.CancellationToken);

        foreach (string[] place in (string[][])[["-o", "here/"], ["-o", "there/", "--server", served.Grpc]])
        {
            ProgramResult made = await RunAsync(folder, ["generate", "--from-file", "rows.csv", "--steps", "4", "--seed", "7", .. place]);
            Assert.True(made.ExitCode == 0, made.AllText);
        }

        foreach (string file in (string[])["0000.png", "0001.png"])
        {
            Assert.Equal(File.ReadAllBytes(folder.Combine("here", file)), File.ReadAllBytes(folder.Combine("there", file)));
        }
    }

    [Fact]
    public async Task A_request_that_fails_at_the_gateway_leaves_the_others_alone()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(
            folder.Combine("rows.jsonl"), "{\"prompt\": \"owl\"}\n{\"prompt\": \"owl\", \"model\": \"nobody\"}\n{\"prompt\": \"fox\"}\n",
            TestContext.Current.CancellationToken);

        ProgramResult run = await RunAsync(
            folder, ["generate", "--from-file", "rows.jsonl", "--steps", "1", "--server", served.Grpc, "-o", "images/"]);

        Assert.True(run.ExitCode == 1 && Entries(folder, "images") is ["0000.png", "0002.png", "batch.jsonl"], run.AllText);
        Assert.Contains("rows.jsonl:2: model: \"nobody\" is not allowed", run.Error, StringComparison.Ordinal);
        Assert.Contains("2 images, 1 requests failed", run.Error, StringComparison.Ordinal);
    }

    private static string PromptOf(string file) => Models.Metadata.ImageMetadata.TextIn(File.ReadAllBytes(file))!.Split('\n')[0];

    private static string[] Entries(TemporaryFolder folder, string name) =>
        [.. Directory.EnumerateFileSystemEntries(folder.Combine(name)).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });
}
