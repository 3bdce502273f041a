using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Brownian.Program.Tests;

/// <summary>The commands that call a gateway, tested with <c>brownian serve</c>.</summary>
/// <param name="server">The served program.</param>
public sealed partial class ServerTests(ServedProgram server) : IClassFixture<ServedProgram>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData("picture.png")]
    [InlineData("picture.png", "--direct")]
    [InlineData("picture.webp", "--scheduler", "euler_a", "--scheduler-option", "timestep_spacing=trailing", "--negative", "blue")]
    public async Task An_image_by_a_gateway_has_the_bytes_of_a_local_run(string name, params string[] options)
    {
        using var folder = new TemporaryFolder();
        string[] request =
            ["generate", "red apple, flat", "--steps", "3", "--seed", "18446744073709551615", .. options.Where(option => option != "--direct")];
        await RunWellAsync(folder, [.. request, "-o", "here-" + name]);
        ProgramResult served =
            await RunWellAsync(folder, [.. request, "-o", "there-" + name, .. Server, .. options.Where(option => option == "--direct")]);
        Assert.Equal(Bytes(folder, "here-" + name), Bytes(folder, "there-" + name));
        string[] lines = served.Error.TrimEnd().Split('\n');
        Assert.Contains(lines, line => line.StartsWith("step 3/3", StringComparison.Ordinal));
        Assert.Matches($@"^there-{name}, seed 18446744073709551615, \d+\.\d s$", lines[^1]);
    }

    [Fact]
    public async Task A_request_file_may_have_a_scheduler_name_and_null_for_no_value()
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(
            folder,
            "{\"prompt\": \"owl\", \"negative_prompt\": null, \"seeds\": [9007199254740993, 3], \"steps\": 2.0, \"scheduler\": \"lms\", "
                + "\"output\": {\"format\": \"jpeg\", \"quality\": 80}}");
        await RunWellAsync(folder, "generate", "--request", "request.json", "-o", "here/");
        await RunWellAsync(folder, ["generate", "--request", "request.json", "-o", "there/", .. Server]);
        Assert.Equal(["0.jpg", "1.jpg"], Entries(folder, "there"));
        Assert.All(Entries(folder, "there"), name => Assert.Equal(Bytes(folder, "here/" + name), Bytes(folder, "there/" + name)));

        await RunWellAsync(folder, ["generate", "--like", "there/0.jpg", "-o", "again.jpg", "--quality", "80", .. Server]);
        Assert.Equal(Bytes(folder, "there/0.jpg"), Bytes(folder, "again.jpg"));
    }

    [Fact]
    public async Task Json_output_by_a_gateway_lists_the_images_and_standard_output_has_only_the_image()
    {
        using var folder = new TemporaryFolder();
        ProgramResult printed = await RunWellAsync(
            folder, ["generate", "owl", "--steps", "2", "--seed", "7", "--count", "2", "--json", "--quiet", "-o", "out/", .. Server]);
        JsonObject json = JsonNode.Parse(printed.OutputText)!.AsObject();
        Assert.Equal("emoji", (string?)json["model"]);
        Assert.Equal(["out/0.png", "out/1.png"], json["images"]!.AsArray().Select(image => (string?)image!["file"]));
        Assert.Equal([7UL, 8UL], json["images"]!.AsArray().Select(image => (ulong)image!["seed"]!));
        Assert.Empty(printed.Error);

        ProgramResult piped = await RunWellAsync(folder, ["generate", "owl", "--steps", "2", "--seed", "8", "-o", "-", .. Server]);
        Assert.Equal(Bytes(folder, "out/1.png"), piped.Output);
    }

    [Fact]
    public async Task A_long_prompt_is_cut_by_a_gateway_with_the_warning_of_a_local_run()
    {
        using var folder = new TemporaryFolder();
        string[] request = ["generate", string.Join(' ', Enumerable.Repeat("red", 30)) + " apple key", "--steps", "1", "--json", "--quiet"];
        ProgramResult here = await RunWellAsync(folder, [.. request, "-o", "here.png"]);
        ProgramResult there = await RunWellAsync(folder, [.. request, "-o", "there.png", .. Server]);
        string?[] warnings = Warnings(there);
        Assert.Contains("apple key", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(Warnings(here), warnings);

        static string?[] Warnings(ProgramResult result) =>
            [.. JsonNode.Parse(result.OutputText)!["warnings"]!.AsArray().Select(warning => (string?)warning)];
    }

    [Fact]
    public async Task A_detached_job_is_watched_shown_listed_and_fetched()
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(folder, "{\"prompt\": \"owl\", \"seeds\": [7, 8], \"steps\": 2, \"labels\": {\"album\": \"detached\"}}");
        string id = (await RunWellAsync(folder, ["generate", "--request", "request.json", "--detach", .. Server])).OutputText.TrimEnd();
        Assert.Matches("^[0-9a-f]{32}$", id);

        string watched = (await RunWellAsync(folder, ["jobs", "watch", id, .. Server])).OutputText;
        Assert.All(
            (string[])["accepted", "denoise: started by denoiser-", "image 2/2, step 2/2", "write: done", "\ndone, "], line =>
                Assert.Contains(line, watched, StringComparison.Ordinal));
        string shown = (await RunWellAsync(folder, ["jobs", "get", id, .. Server])).OutputText;
        Assert.All(
            (string[])["state: done", "label: album=detached", "prompt: owl", "seed 8, 64x64, image/png"], line =>
                Assert.Contains(line, shown, StringComparison.Ordinal));

        await RunWellAsync(folder, ["jobs", "get", id, "-o", "fetched/", .. Server]);
        await RunWellAsync(folder, ["generate", "owl", "--steps", "2", "--seed", "8", "-o", "here.png"]);
        Assert.Equal(["0.png", "1.png"], Entries(folder, "fetched"));
        Assert.Equal(Bytes(folder, "here.png"), Bytes(folder, "fetched/1.png"));
        AssertRefused(
            await RunAsync(folder, ["jobs", "get", id, "-o", "x.webp", .. Server]), 2, "--output: is a name for webp, but the images are png");

        JsonObject listed =
            await JsonAsync(folder, ["jobs", "list", "--label", "album=detached", "--state", "done", "--model", "emoji", "--limit", "5"]);
        Assert.Equal(id, (string?)Assert.Single(listed["jobs"]!.AsArray())!["id"]);
        Assert.Matches(
            $@"^ID +STATE +CREATED +MODEL +PROMPT +NOTE\n{id} +done +\S+Z +emoji +owl\n$",
            (await RunWellAsync(folder, ["jobs", "list", "--label", "album=detached", .. Server])).OutputText);
        Assert.Empty((await RunWellAsync(folder, ["jobs", "list", "--label", "album=other", .. Server])).OutputText);
        AssertRefused(
            await RunAsync(folder, ["jobs", "retry", id, .. Server]), 1, $"job {id} is done; only failed and cancelled jobs can be retried");
    }

    [Theory]
    [InlineData(2, "steps: 0 is not allowed; allowed: 1..1000; "
        + "guidance_scale: -1 is not allowed; allowed: 0..100", "--steps", "0", "--guidance", "-1")]
    [InlineData(2, "steps: 0 is not allowed; allowed: 1..1000; "
        + "seed: \"x\" is not allowed; allowed: 0..18446744073709551615", "--steps", "0", "--seed", "x")]
    [InlineData(2, "model: \"nonsense\" is not allowed; allowed: emoji", "--model", "nonsense")]
    [InlineData(2, "width: 65 is not allowed; allowed: multiples of 16 with this model", "--size", "65x64")]
    [InlineData(2, "--threads: is only for images that this machine generates", "--threads", "2")]
    [InlineData(2, "--dump: is only for images that this machine generates", "--dump", "folder")]
    [InlineData(2, "--output: cannot be given with --detach", "--detach", "-o", "x.png")]
    [InlineData(2, "--direct: cannot be given with --detach", "--detach", "--direct")]
    [InlineData(2, "--output: - takes one image", "--count", "2", "-o", "-")]
    public async Task Invalid_options_for_a_gateway_end_generate_with_one_line_of_every_fault(int exitCode, string says, params string[] options)
    {
        using var folder = new TemporaryFolder();
        AssertRefused(await RunAsync(folder, ["generate", "owl", .. options, .. Server]), exitCode, says);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullPath));
    }

    [Theory]
    [InlineData("{\"prompt\": \"x\", "
        + "\"nonsense\": 1, \"output\": {\"size\": 1}}", "nonsense: is not a field of a request", "output.size: is not a field of a request")]
    [InlineData("{\"prompt\": 1, \"strength\": \"x\"}", "prompt: 1 is not allowed; allowed: text", "strength: \"x\" is not allowed; allowed: 0..1")]
    [InlineData("{\"prompt\": \"x\", "
        + "\"control_image\": \"data:,\", \"guess_mode\": true}", "control_image: is not supported by the family",
        "guess_mode: is not supported by the family")]
    [InlineData("{\"prompt\": \"x\", \"timesteps\": \"fast27\"}", "timesteps: DDIMScheduler does not support a list of timesteps", "")]
    [InlineData("{\"prompt\": \"x\", "
        + "\"labels\": {\"a\": 1}, \"deadline\": \"soon\"}", "labels.a: 1 is not allowed; allowed: text",
        "deadline: \"soon\" is not allowed; allowed: a time")]
    [InlineData("{\"prompt\": \"x\", \"seeds\": [1, -1]}", "seeds: [1,-1] is not allowed", "")]
    public async Task An_invalid_request_file_for_a_gateway_is_refused_with_every_field_named(string json, string says, string saysToo)
    {
        using var folder = new TemporaryFolder();
        await WriteAsync(folder, json);
        ProgramResult result = await RunAsync(folder, ["generate", "--request", "request.json", .. Server]);
        AssertRefused(result, 2, says);
        Assert.Contains(saysToo, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_job_ends_generate_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        string deadline = DateTimeOffset.UtcNow.AddSeconds(3).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        await WriteAsync(folder, $"{{\"prompt\": \"owl\", \"steps\": 1000, \"deadline\": \"{deadline}\"}}");
        AssertRefused(await RunAsync(folder, ["generate", "--request", "request.json", "--quiet", .. Server]), 1, "deadline");
        Assert.Equal(["request.json"], Entries(folder));
    }

    [Fact]
    public async Task An_unavailable_gateway_ends_a_command_with_one_line_that_has_its_address()
    {
        using var folder = new TemporaryFolder();
        string[] unavailable = ["--server", "http://127.0.0.1:1"];
        AssertRefused(await RunAsync(folder, ["generate", "owl", .. unavailable]), 1, "no gateway answers at http://127.0.0.1:1: Connection refused");
        AssertRefused(
            await RunAsync(folder, ["workers", "list", "--operators", "http://127.0.0.1:1"]), 1,
            "http://127.0.0.1:1 (--operators): Connection refused");
        AssertRefused(await RunAsync(folder, ["workers", "list", "--operators", "ftp://host"]), 2, "--operators: \"ftp://host\" is not allowed");
        AssertRefused(await RunAsync(folder, ["jobs", "list", "--server", "127.0.0.1:1"]), 1, "at http://127.0.0.1:1: Connection refused");
        AssertRefused(await RunAsync(folder, ["jobs", "list", "--server", "ftp://host"]), 2, "--server: \"ftp://host\" is not allowed");
        AssertRefused(await RunAsync(folder, ["generate", "owl", "--detach"]), 2, "--detach: needs --server");
        await RunWellAsync(folder, ["generate", "owl", "--steps", "1", "-o", "owl.png", .. unavailable, .. Server]);
    }

    [Fact]
    public async Task The_environment_can_name_the_gateway_and_a_missing_job_or_worker_is_named()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["jobs", "get", "0123456789abcdef0123456789abcdef"],
            Environment = new Dictionary<string, string> { ["BROWNIAN_SERVER"] = server.Grpc },
        });
        AssertRefused(result, 1, "there is no job 0123456789abcdef0123456789abcdef");
        AssertRefused(
            await RunAsync(folder, ["workers", "pause", "nobody", "--token", ServedProgram.OperatorToken, .. Operators]), 1,
            "there is no worker \"nobody\"");
        AssertRefused(
            await RunAsync(folder, ["workers", "pause", "nobody", "--token", "another", .. Operators]), 1,
            "the operators' token is missing or wrong");
        AssertRefused(await RunAsync(folder, ["jobs", "list", "--state", "lost", "--limit", "0", .. Server]), 2, "--limit: \"0\" is not allowed");
    }

    [Fact]
    public async Task Ctrl_C_cancels_the_job_and_a_cancelled_job_can_be_retried()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGINT is sent by kill");
        using var folder = new TemporaryFolder();
        await WriteAsync(folder, "{\"prompt\": \"owl\", \"seed\": 7, \"steps\": 1000, \"labels\": {\"album\": \"interrupted\"}}");
        using Process process = BrownianProgram.Start(
            new ProgramRun { Arguments = ["generate", "--request", "request.json", "-o", "owl.png", .. Server], WorkingDirectory = folder.FullPath });
        using var deadline = new CancellationTokenSource(Deadline);
        string? line = await process.StandardError.ReadLineAsync(deadline.Token);
        Assert.StartsWith("step ", line, StringComparison.Ordinal);
        using (Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(deadline.Token);
        }
        string rest = await process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        Assert.Equal(130, process.ExitCode);
        Assert.EndsWith("brownian: stopped\n", rest, StringComparison.Ordinal);
        Assert.Equal(["request.json"], Entries(folder));

        JsonNode cancelled = Assert.Single((await JsonAsync(folder, ["jobs", "list", "--label", "album=interrupted"]))["jobs"]!.AsArray())!;
        Assert.Equal("JOB_STATE_CANCELLED", (string?)cancelled["state"]);
        AssertRefused(
            await RunAsync(folder, ["jobs", "get", (string)cancelled["id"]!, "-o", "owl.png", .. Server]), 1,
            "is cancelled and has no images");

        JsonObject again = await JsonAsync(folder, ["jobs", "retry", (string)cancelled["id"]!]);
        Assert.Equal((string?)cancelled["id"], (string?)again["retryOf"]);
        string id = (string)again["id"]!;
        Assert.Contains(id + "    cancelled", (await RunWellAsync(folder, ["jobs", "cancel", id, .. Server])).OutputText, StringComparison.Ordinal);
        ProgramResult watched = await RunAsync(folder, ["jobs", "watch", id, .. Server]);
        Assert.Equal(1, watched.ExitCode);
        Assert.EndsWith("cancelled\n", watched.OutputText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_paused_denoiser_leaves_a_job_waiting_until_it_is_resumed()
    {
        using var folder = new TemporaryFolder();
        JsonObject workers = await JsonAsync(folder, ["workers", "list"]);
        string denoiser = (string)workers["workers"]!.AsArray().Single(worker => (string?)worker!["role"] == "denoiser")!["id"]!;
        Assert.Contains(
            denoiser + "    denoiser    paused",
            (await RunWellAsync(folder, ["workers", "pause", denoiser, "--token", ServedProgram.OperatorToken, .. Operators])).OutputText,
            StringComparison.Ordinal);
        string id;
        Process second;
        try
        {
            id = (string)(await JsonAsync(folder, ["generate", "owl", "--steps", "2", "--detach"]))["id"]!;
            JsonObject waiting = await UntilAsync(folder, id, job => Stage(job, 0) == "STAGE_STATE_DONE");
            Assert.Equal("JOB_STATE_QUEUED", (string?)waiting["state"]);
            Assert.Equal("STAGE_STATE_WAITING", Stage(waiting, 1));
            // The number of stages may be a second old.
            string top = "";
            for (long start = Stopwatch.GetTimestamp(); !WaitingDenoise().IsMatch(top);)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60), top);
                top = (await RunWellAsync(folder, ["top", "--once", .. Server, .. Operators])).OutputText;
            }
            Assert.Matches($@"\n{id}\s+queued\s+emoji\s+standard\s+-", top);
            Assert.Matches($@"\n{Regex.Escape(denoiser)}\s+paused\s+0/1\s+cpu\s+emoji", top);
            Assert.Equal("0", (string?)waiting["jobsBefore"]);
            string[] behind = ["generate", "owl", "--steps", "2", "-o", "second.png", .. Server];
            second = BrownianProgram.Start(new ProgramRun { Arguments = behind, WorkingDirectory = folder.FullPath });
            using var deadline = new CancellationTokenSource(Deadline);
            string? shown = "";
            while (shown is not null && !shown.Contains("waiting for a worker, 1 before it", StringComparison.Ordinal))
            {
                shown = await second.StandardError.ReadLineAsync(deadline.Token);
            }
            Assert.NotNull(shown);
        }
        finally
        {
            Assert.Contains(
                denoiser + "    denoiser    ready",
                (await RunWellAsync(folder, ["workers", "resume", denoiser, "--token", ServedProgram.OperatorToken, .. Operators])).OutputText,
                StringComparison.Ordinal);
        }
        await RunWellAsync(folder, ["jobs", "watch", id, .. Server]);
        await RunWellAsync(folder, ["jobs", "get", id, "-o", "owl.png", .. Server]);
        await second.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await second.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, second.ExitCode);
        second.Dispose();
        Assert.Equal(["owl.png", "second.png"], Entries(folder));
    }

    private string[] Server => ["--server", server.Grpc];

    private string[] Operators => ["--operators", server.Operators];

    private static string? Stage(JsonObject job, int index) => (string?)job["stages"]![index]!["state"];

    private async Task<JsonObject> UntilAsync(TemporaryFolder folder, string id, Func<JsonObject, bool> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var timer = new PeriodicTimer(Look);
        JsonObject job = await JsonAsync(folder, ["jobs", "get", id]);
        while (!condition(job))
        {
            await timer.WaitForNextTickAsync(deadline.Token);
            job = await JsonAsync(folder, ["jobs", "get", id]);
        }
        return job;
    }

    private async Task<JsonObject> JsonAsync(TemporaryFolder folder, string[] arguments) =>
        JsonNode.Parse(
            (await RunWellAsync(folder, [.. arguments, "--json", .. arguments[0] == "workers" ? Operators : Server])).OutputText)!.AsObject();

    private static async Task<ProgramResult> RunWellAsync(TemporaryFolder folder, params string[] arguments)
    {
        ProgramResult result = await RunAsync(folder, arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result;
    }

    private static Task<ProgramResult> RunAsync(TemporaryFolder folder, params string[] arguments) =>
        BrownianProgram.RunAsync(new ProgramRun { Arguments = arguments, WorkingDirectory = folder.FullPath });

    private static void AssertRefused(ProgramResult result, int exitCode, string says)
    {
        string line = Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("brownian: ", line, StringComparison.Ordinal);
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(result.Output);
    }

    private static Task WriteAsync(TemporaryFolder folder, string request) =>
        File.WriteAllTextAsync(folder.Combine("request.json"), request, TestContext.Current.CancellationToken);

    private static byte[] Bytes(TemporaryFolder folder, string file) => File.ReadAllBytes(folder.Combine(file));

    private static string[] Entries(TemporaryFolder folder, params string[] parts) =>
        [.. Directory.EnumerateFileSystemEntries(folder.Combine(parts)).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"\ndenoiser\s+emoji\s+standard\s+1\s+0\s+[0-9.]+ s\n")]
    private static partial Regex WaitingDenoise();
}
