using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.Hub;
using Brownian.Import.Tests.MadeUp;

namespace Brownian.Import.Tests.Hub;

/// <summary>Downloads from a hub that runs in the tests' process.</summary>
public sealed class PullTests(Checkpoints checkpoints) : IDisposable
{
    private const string Unet = "unet/diffusion_pytorch_model.safetensors";

    private readonly TemporaryFolder _folder = new();
    private readonly List<TimeSpan> _delays = [];
    private readonly List<HubClient> _clients = [];

    /// <summary>A hub that is never asked.</summary>
    private static readonly Uri Elsewhere = new("https://hub.example.org");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Source => _folder.Combine("source");

    private string Cache => _folder.Combine("pulled");

    private string Downloaded => Path.Combine(Cache, "artist--tiny", HubServer.Commit);

    [Theory]
    [InlineData("tiny-sd15")]
    [InlineData("tiny-sdxl")]
    [InlineData("tiny-sd3")]
    [InlineData("tiny-karlo")]
    public async Task A_pulled_folder_becomes_the_model_of_a_local_one_and_only_what_it_needs_is_requested(string model)
    {
        Checkpoints.Copy(checkpoints.Folder(model), Source);
        string[] needed = [.. FilesIn(Source), "README.md"];
        foreach (string other in (string[])
            [
                ".gitattributes", "all.ckpt", "all.safetensors", "unet/model.onnx", "unet/flax_model.msgpack", "text_encoder/tf_model.h5",
                "text_encoder/model.fp16.safetensors", "text_encoder/pytorch_model.bin", "vae_1_0/config.json",
                "vae_1_0/diffusion_pytorch_model.safetensors", "safety_checker/config.json", "safety_checker/model.safetensors",
                "tokenizer/rust_model.ot", "examples/image.png",
            ])
        {
            if (!needed.Contains(other, StringComparer.Ordinal))
            {
                Write(other, "other");
            }
        }
        Write("README.md", "---\nlicense: mit\n---\n");
        await using HubServer server = await StartAsync();
        server.Redirects = true;

        PlannedPull pull = await PullAsync(server, "artist/tiny@refs/pr/1");

        Assert.Equal(needed.Order(StringComparer.Ordinal), server.RequestedFiles);
        Assert.False(pull.IsFile);
        JsonObject local = Import(checkpoints.Folder(model), "local", null), pulled = Import(pull.Path, "model", pull.Origin);
        Assert.Equal((string?)local["fingerprint"], (string?)pulled["fingerprint"]);
        Assert.Equal($"artist/tiny@{HubServer.Commit}", (string?)pulled["source"]);
        // The hub's description has no licence, the card has.
        Assert.Equal("mit", (string?)pulled["license"]);
        pull.Release();
        Assert.Empty(Directory.GetFileSystemEntries(Cache));
    }

    [Theory]
    [InlineData(null, "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors")]
    [InlineData("fp16", "unet/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.safetensors")]
    public async Task A_variant_is_pulled_where_it_exists(string? variant, params string[] weights)
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-sd15"), Source);
        File.Copy(Path.Combine(Source, Unet), Path.Combine(Source, "unet", "diffusion_pytorch_model.fp16.safetensors"));
        await using HubServer server = await StartAsync();

        PlannedPull pull = await PullAsync(server, variant: variant);

        Assert.Equal(
            ["text_encoder/model.safetensors", .. weights],
            server.RequestedFiles.Where(file => file.EndsWith(".safetensors", StringComparison.Ordinal)));
        Assert.NotNull(Import(pull.Path, "model", pull.Origin, variant)["fingerprint"]);
    }

    [Fact]
    public async Task One_network_is_pulled_without_a_description_of_a_pipeline()
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-taesd"), Source);
        await using HubServer server = await StartAsync();
        PlannedPull pull = await PullAsync(server);
        Assert.Equal(["config.json", "diffusion_pytorch_model.safetensors"], server.RequestedFiles);
        Assert.NotNull(Import(pull.Path, "model", pull.Origin)["fingerprint"]);
    }

    [Theory]
    [InlineData("artist/tiny", null, "a b.safetensors")]
    [InlineData("artist/tiny", "a b.safetensors", "a b.safetensors", "other.ckpt")]
    [InlineData("HUB/artist/tiny/resolve/main/a%20b.safetensors?download=true", null, "a b.safetensors", "other.ckpt")]
    [InlineData("https://huggingface.co/artist/tiny/blob/main/a%20b.safetensors", null, "a b.safetensors", "other.ckpt")]
    public async Task A_single_file_is_pulled_when_it_is_the_only_one_or_is_named(string source, string? file, params string[] files)
    {
        string weights = Path.Combine(checkpoints.Folder("single-file"), "tiny-sd15.safetensors");
        Directory.CreateDirectory(Source);
        foreach (string name in files)
        {
            File.Copy(weights, Path.Combine(Source, name));
        }
        Write("README.md", "card");
        await using HubServer server = await StartAsync();
        server.License = "openrail++";

        PlannedPull pull = await PullAsync(server, source, file: file);

        Assert.True(pull.IsFile);
        Assert.Equal(["a b.safetensors"], server.RequestedFiles);
        Assert.Equal(File.ReadAllBytes(weights), File.ReadAllBytes(pull.Path));
        JsonObject manifest = Import(pull.Path, "model", pull.Origin, config: checkpoints.Folder("tiny-sd15"));
        Assert.Equal("openrail++", (string?)manifest["license"]);
    }

    [Fact]
    public async Task A_file_of_another_server_is_pulled_and_its_query_is_no_source()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Cuts.Enqueue(1000);

        PlannedPull pull = await PullAsync(server, "HUB/direct/all.safetensors?token=secret", hub: Elsewhere, token: "other");

        Assert.Equal(File.ReadAllBytes(Path.Combine(Source, "all.safetensors")), File.ReadAllBytes(pull.Path));
        Assert.Equal($"{server.Address}direct/all.safetensors", pull.Origin.Source);
        Assert.Equal([null, "bytes=1000-"], server.Requests.Select(request => request.Range));
        Assert.All(server.Requests, request => Assert.Null(request.Authorization));
        Assert.Equal("all.safetensors", Path.GetFileName(pull.Path));
        pull.Release();
        Assert.Empty(Directory.GetFileSystemEntries(Cache));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lost_connection_is_continued_at_the_byte_where_it_was_lost(bool redirects)
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        server.Redirects = redirects;
        server.Cuts.Enqueue(100_000);
        server.Cuts.Enqueue(50_000);

        PlannedPull pull = await PullAsync(server);

        Assert.Equal(content, File.ReadAllBytes(pull.Path));
        string?[] ranges = [.. server.Requests.Where(request => request.Path == "all.safetensors").Select(request => request.Range)];
        string?[] expected = [null, "bytes=100000-", "bytes=150000-"];
        // Each request is redirected.
        Assert.Equal(redirects ? [.. expected.SelectMany(range => (string?[])[range, range])] : expected, ranges);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4)], _delays);
        Assert.Equal(["all.safetensors"], FilesIn(Downloaded));
    }

    [Fact]
    public async Task A_stopped_pull_is_continued_by_the_next_one()
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        using var stopping = new CancellationTokenSource();
        server.Cuts.Enqueue(200_000);
        Puller first = PullerOf(server.Address, null, (_, _) =>
        {
            stopping.Cancel();
            return Task.FromCanceled(stopping.Token);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PullAsync(first, "artist/tiny", server.Address, stopping.Token));
        Assert.Equal(200_000, new FileInfo(Path.Combine(Downloaded, "all.safetensors.part")).Length);
        server.Requests.Clear();

        PlannedPull pull = await PullAsync(server);

        Assert.Equal("bytes=200000-", server.Requests.Last().Range);
        Assert.Equal(content, File.ReadAllBytes(pull.Path));
        server.Requests.Clear();
        await PullAsync(server);
        Assert.Empty(server.RequestedFiles);
    }

    [Theory]
    [InlineData(true, "\"first\"")]
    [InlineData(false, "\"second\"")]
    [InlineData(true, "\"second\"")]
    public async Task A_server_without_ranges_or_with_another_content_is_read_from_the_start(bool ignoresRanges, string tag)
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        server.IgnoresRanges = ignoresRanges;
        server.Cuts.Enqueue(100_000);
        server.Received = request => server.Tag = request.Range is null ? "\"first\"" : tag;
        PlannedPull pull = await PullAsync(server);
        Assert.Equal(content, File.ReadAllBytes(pull.Path));
        Assert.Equal(2, server.Requests.Count(request => request.Path == "all.safetensors"));
    }

    [Fact]
    public async Task A_server_that_redirects_to_a_changed_content_is_read_from_the_start()
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        server.Redirects = true;
        server.Cuts.Enqueue(100_000);
        Puller first = PullerOf(server.Address, null, (_, _) => throw new OperationCanceledException());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PullAsync(first, "artist/tiny", server.Address, Stop));
        string tag = Path.Combine(Downloaded, "all.safetensors.part.etag");
        Assert.StartsWith(">\"", File.ReadAllText(tag), StringComparison.Ordinal);
        File.WriteAllText(tag, ">\"other\"");
        server.Requests.Clear();

        PlannedPull pull = await PullAsync(server);

        Assert.Equal(content, File.ReadAllBytes(pull.Path));
        Assert.Equal(["bytes=100000-", "bytes=100000-", null, null], server.Requests.Skip(1).Select(request => request.Range));
    }

    [Fact]
    public async Task Tries_are_counted_anew_after_a_mebibyte()
    {
        string file = Path.Combine(Source, "all.safetensors");
        Directory.CreateDirectory(Source);
        MadeUpCheckpoint.WriteFile(file, MadeUpModel.Small);
        await using HubServer server = await StartAsync();
        for (int cut = 0; cut < 6; cut++)
        {
            server.Cuts.Enqueue(1 << 20);
        }
        PlannedPull pull = await PullAsync(server);
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(pull.Path));
        Assert.Equal(Enumerable.Repeat(TimeSpan.FromSeconds(1), 6), _delays);
    }

    [Fact]
    public async Task A_connection_that_is_lost_again_and_again_ends_the_pull_after_four_tries()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        for (int cut = 0; cut < 4; cut++)
        {
            server.Cuts.Enqueue(1000);
        }
        ModelException exception = await FailAsync(server);
        Assert.Equal(
            "The connection to 127.0.0.1 was lost, in 4 tries; the same command continues with the bytes that are there", exception.Message);
        Assert.Equal([1, 4, 16], _delays.Select(delay => delay.TotalSeconds));
        Assert.Equal(4000, new FileInfo(Path.Combine(Downloaded, "all.safetensors.part")).Length);
    }

    [Theory]
    [InlineData(429, "7", 7)]
    [InlineData(503, null, 1)]
    [InlineData(503, "Mon, 01 Jan 2029 00:01:30 GMT", 90)]
    [InlineData(500, "0", 0)]
    public async Task A_busy_server_is_asked_again_after_the_time_that_it_states(int status, string? retryAfter, int seconds)
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        server.Refusals.Enqueue((status, retryAfter));
        PlannedPull pull = await PullAsync(server);
        Assert.Equal(content, File.ReadAllBytes(pull.Path));
        Assert.Equal([TimeSpan.FromSeconds(seconds)], _delays);
    }

    [Fact]
    public async Task A_server_that_asks_to_wait_too_long_ends_the_pull()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Refusals.Enqueue((429, "3600"));
        ModelException exception = await FailAsync(server);
        Assert.Contains("answered 429 (too many requests), and asks to wait 60 minutes", exception.Message, StringComparison.Ordinal);
        Assert.Empty(_delays);
    }

    [Fact]
    public async Task A_hub_that_is_not_there_ends_the_pull_after_four_tries()
    {
        WriteFile();
        HubServer server = await StartAsync();
        Uri address = server.Address;
        await server.DisposeAsync();
        ModelException exception = await Assert.ThrowsAsync<ModelException>(
            () => PullAsync(PullerOf(address, null), "artist/tiny", address, Stop));
        Assert.Contains("cannot be reached", exception.Message, StringComparison.Ordinal);
        Assert.Equal(3, _delays.Count);
    }

    [Fact]
    public async Task The_token_is_sent_to_the_hub_alone()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        (server.IsGated, server.Redirects) = (true, true);

        PlannedPull pull = await PullAsync(server, token: HubServer.Token);

        Assert.True(pull.IsGated);
        Assert.True(File.Exists(pull.Path));
        Assert.Equal(
            [$"Bearer {HubServer.Token}", $"Bearer {HubServer.Token}", null], server.Requests.Select(request => request.Authorization));
    }

    [Theory]
    [InlineData(null, "set BROWNIAN_HUB_TOKEN to a token that may read it")]
    [InlineData(HubServer.OtherToken, "set BROWNIAN_HUB_TOKEN to a token that may read it; the one that is set may not")]
    public async Task A_gated_repository_is_refused_with_what_to_do(string? token, string says)
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.IsGated = true;
        string message = (await FailAsync(server, token: token)).Message;
        Assert.StartsWith($"artist/tiny is gated: accept its licence on {server.Address}artist/tiny, and ", message, StringComparison.Ordinal);
        Assert.EndsWith(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain(HubServer.OtherToken, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_the_hub_does_not_know_is_named_by_its_variable()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        Assert.StartsWith(
            "The hub refuses the token of BROWNIAN_HUB_TOKEN (or HF_TOKEN)", (await FailAsync(server, token: "unknown")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("artist/nothing", null, "There is no repository artist/nothing at ")]
    [InlineData("artist/tiny@v9", null, "artist/tiny has no revision v9")]
    [InlineData("artist/tiny", "b.ckpt", "artist/tiny has no file b.ckpt; it has all.safetensors (")]
    [InlineData("HUB/direct/none.safetensors", null, "There is no file none.safetensors at its URL")]
    public async Task What_is_not_there_is_named(string source, string? file, string says)
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        Uri? hub = source.StartsWith("HUB/direct", StringComparison.Ordinal) ? Elsewhere : null;
        Assert.StartsWith(says, (await FailAsync(server, source, file, hub: hub)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(Cache, "artist--tiny")));
    }

    [Fact]
    public async Task Several_checkpoints_are_listed_so_that_one_can_be_named()
    {
        Write("one.safetensors", "1");
        Write("two/three.ckpt", "2");
        Write("notes.txt", "3");
        await using HubServer server = await StartAsync();
        Assert.Equal(
            "artist/tiny has several checkpoints: name one by --file. It has one.safetensors (0.0 MB), two/three.ckpt (0.0 MB)",
            (await FailAsync(server)).Message);
        Assert.Empty(server.RequestedFiles);
    }

    [Fact]
    public async Task A_repository_without_weights_that_can_be_imported_is_refused_before_its_files_are_read()
    {
        Write("model.onnx", "1");
        Write("flax_model.msgpack", "2");
        await using HubServer server = await StartAsync();
        Assert.Contains("has no weights that can be imported", (await FailAsync(server)).Message, StringComparison.Ordinal);
        Write("config.json", """{ "architectures": ["LlamaForCausalLM"] }""");
        Write("model.safetensors", "3");
        Assert.Contains("it is one network, LlamaForCausalLM, of a model", (await FailAsync(server)).Message, StringComparison.Ordinal);
        Assert.Equal(["config.json"], server.RequestedFiles);
        Write("model_index.json", """{ "unet": ["diffusers", "X"], "vae": ["diffusers", "Y"], "text_encoder": [null, null] }""");
        Write("unet/config.json", "{}");
        Write("unet/flax_model.msgpack", "4");
        Assert.Equal(
            "artist/tiny cannot be imported: unet has no weights that can be imported (*.safetensors, *.bin, with config.json); vae, which "
                + "model_index.json names, is missing",
            (await FailAsync(server)).Message);
        Assert.Equal(["config.json", "model_index.json"], server.RequestedFiles);
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer")]
    [InlineData("<!doctype html><html></html>", "a web page (HTML)")]
    [InlineData("other", null)]
    public async Task A_content_that_is_not_the_announced_one_is_removed_and_named(string content, string? kind)
    {
        byte[] right = WriteFile();
        await using HubServer server = await StartAsync();
        foreach (bool isChunked in (bool[])[false, true])
        {
            server.IsChunked = isChunked;
            server.Contents["all.safetensors"] = Encoding.ASCII.GetBytes(content);
            string message = (await FailAsync(server)).Message;
            if (kind is null && isChunked)
            {
                Assert.StartsWith($"The answer for all.safetensors ended after 5 of {right.Length} bytes", message, StringComparison.Ordinal);
                continue;
            }
            Assert.StartsWith("all.safetensors is removed, because it ", message, StringComparison.Ordinal);
            Assert.Contains(kind ?? $"has 5 bytes; announced: {right.Length}", message, StringComparison.Ordinal);
            Assert.Empty(FilesIn(Downloaded));
        }
        // As many bytes, of which one is another, and more bytes than announced.
        server.IsChunked = false;
        server.Contents["all.safetensors"] = [.. right[..^1], (byte)(right[^1] ^ 1)];
        Directory.Delete(Downloaded, recursive: true);
        Assert.Matches(
            "^all.safetensors is removed, because it has the SHA-256 [0-9a-f]{64}; announced: [0-9a-f]{64}$", (await FailAsync(server)).Message);
        server.IsChunked = true;
        server.Contents["all.safetensors"] = [.. right, 1];
        Assert.Contains($"has more than the {right.Length} bytes that are announced", (await FailAsync(server)).Message, StringComparison.Ordinal);
        Assert.Empty(FilesIn(Downloaded));
        server.Contents.Clear();
        Assert.Equal(right, File.ReadAllBytes((await PullAsync(server)).Path));
    }

    [Fact]
    public async Task A_small_file_with_another_content_is_found_by_its_hash_in_git()
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-taesd"), Source);
        await using HubServer server = await StartAsync();
        byte[] config = File.ReadAllBytes(Path.Combine(Source, "config.json"));
        server.Contents["config.json"] = [.. config[..^1], (byte)' '];
        Assert.Matches(
            "^config.json is removed, because it has the hash [0-9a-f]{40} in git; announced: [0-9a-f]{40}$", (await FailAsync(server)).Message);
    }

    [Fact]
    public async Task A_page_in_place_of_a_file_of_another_server_is_named()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Contents["all.safetensors"] = "<html>log in</html>"u8.ToArray();
        string message = (await FailAsync(server, "HUB/direct/all.safetensors", hub: Elsewhere)).Message;
        Assert.Contains("all.safetensors is removed, because it is a web page (HTML)", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://example.org/all.safetensors")]
    [InlineData("ftp://127.0.0.1/all.safetensors")]
    [InlineData("https://user:password@example.org/all.safetensors")]
    public async Task A_redirect_to_an_address_that_is_not_encrypted_is_not_followed(string target)
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.RedirectTarget = target;
        string message = (await FailAsync(server)).Message;
        Assert.Contains("which is not followed", message, StringComparison.Ordinal);
        Assert.DoesNotContain("password@", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_to_itself_ends()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.RedirectTarget = $"/artist/tiny/resolve/{HubServer.Commit}/all.safetensors";
        Assert.Contains("redirects more than 10 times", (await FailAsync(server)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../up.safetensors")]
    [InlineData("/absolute.safetensors")]
    [InlineData("a/../../up.safetensors")]
    [InlineData("a\\up.safetensors")]
    [InlineData("C:up.safetensors")]
    [InlineData("a//b.safetensors")]
    [InlineData("bell\u0007.safetensors")]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_path_outside_of_the_repository_is_refused(string? path)
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Describe = description => description["siblings"]!.AsArray().Add(new JsonObject { ["rfilename"] = path });
        Assert.Contains("which is no path within the repository", (await FailAsync(server)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Cache));
    }

    [Theory]
    [InlineData("""{ "sha": "../x", "siblings": [] }""", "names no commit")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567" }""", "has no list of files")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [1] }""", "has a file that is not an object")]
    [InlineData("[]", "is not an object")]
    [InlineData("{", "is not JSON")]
    [InlineData("<html>", "is a web page (HTML)")]
    [InlineData(
        """{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{ "rfilename": "a", "size": 1e30 }] }""", "as the size of a")]
    [InlineData(
        """{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{ "rfilename": "a", "size": -1 }] }""", "as the size of a")]
    [InlineData(
        """{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{ "rfilename": "a" }, { "rfilename": "a" }] }""", "names a twice")]
    [InlineData(
        """{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{ "rfilename": "a", "blobId": "x" }] }""", "has a hash of a")]
    public async Task A_description_that_is_damaged_is_refused(string description, string says)
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Description = Encoding.UTF8.GetBytes(description);
        Assert.Contains(says, (await FailAsync(server)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public async Task A_description_without_end_is_refused()
    {
        WriteFile();
        await using HubServer server = await StartAsync();
        server.Description = new byte[HubClient.MaxDescriptionLength + 1];
        Assert.Contains("is longer than 32 MB", (await FailAsync(server)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_without_space_is_named_before_anything_is_downloaded()
    {
        byte[] content = WriteFile();
        await using HubServer server = await StartAsync();
        foreach ((long free, bool fits) in ((long, bool)[])[(content.Length - 1, false), (content.Length, true)])
        {
            using var client = new HubClient(server.Address, null);
            var puller = new Puller(client, Cache) { FreeSpace = _ => free };
            PlannedPull pull = await puller.PlanAsync(HubAddress.Parse("artist/tiny", server.Address)!, null, Stop);
            if (fits)
            {
                await puller.DownloadAsync(pull, null, Stop);
                continue;
            }
            ModelException exception = await Assert.ThrowsAsync<ModelException>(() => puller.DownloadAsync(pull, null, Stop));
            Assert.Matches("^artist/tiny in .* needs .* MB, but its disk has .* MB left$", exception.Message);
            Assert.Empty(server.RequestedFiles);
        }
    }

    [Fact]
    public async Task Kept_files_are_used_without_a_request_and_those_that_are_missing_are_named()
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-sdxl"), Source);
        await using HubServer server = await StartAsync();
        (await PullAsync(server)).Keep();
        server.Requests.Clear();

        PlannedPull offline = await PullAsync(server, isOffline: true);

        Assert.NotNull(Import(offline.Path, "model", offline.Origin)["fingerprint"]);
        // They were to be kept.
        offline.Release();
        string shard = Path.Combine(Downloaded, "unet", "diffusion_pytorch_model-00002-of-00002.safetensors");
        File.Delete(shard);
        File.Delete(Path.Combine(Downloaded, "vae", "config.json"));
        string message = (await FailAsync(server, isOffline: true)).Message;
        Assert.EndsWith("Missing: unet/diffusion_pytorch_model-00002-of-00002.safetensors, vae/config.json", message, StringComparison.Ordinal);
        File.Delete(Path.Combine(Downloaded, "model_index.json"));
        Assert.EndsWith("Missing: model_index.json", (await FailAsync(server, isOffline: true)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "artist/tiny at v2 is not in ", (await FailAsync(server, "artist/tiny@v2", isOffline: true)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "Missing: all.safetensors",
            (await FailAsync(server, "HUB/direct/all.safetensors", isOffline: true, hub: Elsewhere)).Message,
            StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Progress_counts_the_bytes_of_an_earlier_pull_and_ends_with_all()
    {
        Checkpoints.Copy(checkpoints.Folder("tiny-sd15"), Source);
        await using HubServer server = await StartAsync();
        server.Cuts.Enqueue(100);
        var reports = new List<PullProgress>();
        Puller puller = PullerOf(server.Address, null);
        PlannedPull pull = await puller.PlanAsync(HubAddress.Parse("artist/tiny", server.Address)!, null, Stop);
        await puller.DownloadAsync(pull, new Reports(reports.Add), Stop);
        Assert.All(reports, report => Assert.Equal(pull.Bytes, report.AllBytes));
        Assert.Equal(pull.Bytes, reports[^1].Bytes);
        Assert.Equal(reports.Select(report => report.Bytes).Order(), reports.Select(report => report.Bytes));
    }

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _folder.Dispose();
    }

    private static string[] FilesIn(string folder) => !Directory.Exists(folder) ? []
        :
        [
            .. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file))
                .Order(StringComparer.Ordinal)
        ];

    private static async Task<PlannedPull> PullAsync(
        Puller puller, string source, Uri hub, CancellationToken stop, string? variant = null, string? file = null)
    {
        HubAddress address = HubAddress.Parse(source, hub)!;
        PlannedPull pull = await puller.PlanAsync(file is null ? address : address with { File = file }, variant, stop);
        await puller.DownloadAsync(pull, null, stop);
        return pull;
    }

    private void Write(string path, string content)
    {
        string file = Path.Combine(Source, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    /// <summary>Writes a repository of one file.</summary>
    private byte[] WriteFile()
    {
        Directory.CreateDirectory(Source);
        string file = Path.Combine(Source, "all.safetensors");
        File.Copy(Path.Combine(checkpoints.Folder("single-file"), "tiny-sd15.safetensors"), file);
        return File.ReadAllBytes(file);
    }

    private Task<HubServer> StartAsync() => HubServer.StartAsync(Source);

    private Puller PullerOf(Uri hub, string? token, Func<TimeSpan, CancellationToken, Task>? delay = null, bool isOffline = false)
    {
        var client = new HubClient(hub, token);
        _clients.Add(client);
        return new Puller(client, Cache)
        {
            IsOffline = isOffline,
            Delay = delay ?? ((wait, _) =>
            {
                _delays.Add(wait);
                return Task.CompletedTask;
            }),
        };
    }

    /// <summary>Plans and downloads; <c>HUB</c> stands for the server's address.</summary>
    private Task<PlannedPull> PullAsync(
        HubServer server, string source = "artist/tiny", string? file = null, string? variant = null, string? token = null, bool isOffline = false,
        Uri? hub = null)
    {
        string named = source.Replace("HUB/", server.Address.ToString(), StringComparison.Ordinal);
        return PullAsync(PullerOf(hub ?? server.Address, token, isOffline: isOffline), named, hub ?? server.Address, Stop, variant, file);
    }

    private Task<ModelException> FailAsync(
        HubServer server, string source = "artist/tiny", string? file = null, string? token = null, bool isOffline = false, Uri? hub = null) =>
        Assert.ThrowsAsync<ModelException>(() => PullAsync(server, source, file, null, token, isOffline, hub));

    private JsonObject Import(string path, string name, ImportOrigin? origin, string? variant = null, string? config = null)
    {
        string model = _folder.Combine(name);
        var settings = new ImportSettings(variant, new GraphOptions()) { Origin = origin, ConfigFolder = config };
        using var source = CheckpointSource.Open(path, settings);
        ImportWriter.Write(source, model, null, Stop);
        return JsonFile.Read(Path.Combine(model, "brownian.json"));
    }

    private sealed class Reports(Action<PullProgress> report) : IProgress<PullProgress>
    {
        public void Report(PullProgress value) => report(value);
    }
}
