using System.Text.Json.Nodes;

namespace Brownian.Program.Tests;

/// <summary>The commands of keys, tenants, usage and the audit log, and how the command line finds its credentials.</summary>
public sealed class KeysTests : IAsyncLifetime
{
    private readonly TemporaryFolder _data = new(), _folder = new();
    private ServedProgram _server = null!;

    private string[] Server => ["--server", _server.Grpc];

    private string[] Operators => ["--operators", _server.Operators, "--token", ServedProgram.OperatorToken];

    [Fact]
    public async Task A_key_is_created_used_listed_rotated_and_revoked()
    {
        string first = (await File.ReadAllTextAsync(_data.Combine("server", "api-key"), Stop)).Trim();
        Assert.Contains("tenant    default\n", await TextAsync(["account", "--api-key", first, .. Server]), StringComparison.Ordinal);
        AssertRefused(
            await RunAsync(["jobs", "list", .. Server]), "credentials are required", also: "the command line sent none: give --api-key KEY");
        AssertRefused(
            await RunAsync(["jobs", "list", "--api-key", first[..^1] + "x", .. Server]), "the API key is unknown, expired or revoked",
            also: "sent that of --api-key");
        AssertRefused(
            await RunAsync(["keys", "list", "--operators", _server.Operators]), "credentials are required", also: "BROWNIAN_OPERATOR_TOKEN");
        AssertRefused(
            await RunAsync(["tenants", "set", "acme", "--jobs", "many", .. Operators]),
            "--jobs: \"many\" is not allowed; allowed: a whole number", 2);

        await TextAsync(["tenants", "set", "acme", "--jobs", "5", "--stored-bytes", "1000000", .. Operators]);
        Assert.Contains("acme    5 jobs, 1000000 bytes", await TextAsync(["tenants", "list", .. Operators]), StringComparison.Ordinal);
        ProgramResult created = await RunAsync(["keys", "create", "--tenant", "acme", "--name", "a client", .. Operators]);
        Assert.Equal(0, created.ExitCode);
        string key = created.OutputText.Trim(), id = key.Split('_')[1];
        Assert.Contains($"{id}    acme    user    read,generate    a client", created.Error, StringComparison.Ordinal);
        string account = await TextAsync(["account", "--api-key", key, .. Server]);
        Assert.Contains("tenant    acme\ncaller    key:" + id, account, StringComparison.Ordinal);
        Assert.Contains("allowed   5 jobs, 1000000 bytes", account, StringComparison.Ordinal);

        string rotated = (await TextAsync(["keys", "rotate", id, "--overlap", "1h", .. Operators])).Trim();
        Assert.Equal(0, (await RunAsync(["jobs", "list", "--api-key", key, .. Server])).ExitCode);
        Assert.Contains("revoked", await TextAsync(["keys", "revoke", id, .. Operators]), StringComparison.Ordinal);
        AssertRefused(await RunAsync(["jobs", "list", "--api-key", key, .. Server]), "the API key is unknown, expired or revoked");
        Assert.Equal(0, (await RunAsync(["jobs", "list", "--api-key", rotated, .. Server])).ExitCode);
        Assert.DoesNotContain(key[17..], await TextAsync(["keys", "list", "--json", .. Operators]), StringComparison.Ordinal);
        AssertRefused(await RunAsync(["keys", "list", "--operators", _server.Operators, "--token", rotated]), "this call needs the scope admin");
    }

    [Fact]
    public async Task Credentials_come_from_the_option_the_variable_or_the_gateways_line_in_the_file()
    {
        string key = (await TextAsync(["keys", "create", .. Operators])).Trim();
        string file = _folder.Combine("credentials");
        await File.WriteAllTextAsync(file, $"# gateways\nhttp://127.0.0.1:1 brn_other\n\n{_server.Grpc}/  {key}\n", Stop);
        ProgramResult WithFile(string text, ProgramResult result)
        {
            Assert.True(result.ExitCode == 0, text + result.Error);
            return result;
        }

        WithFile("variable", await RunAsync(["jobs", "list", .. Server], ("BROWNIAN_API_KEY", key)));
        WithFile("file", await RunAsync(["jobs", "list", .. Server], ("BROWNIAN_CREDENTIALS", file)));
        WithFile("option first", await RunAsync(["jobs", "list", "--api-key", key, .. Server], ("BROWNIAN_API_KEY", "wrong")));
        await File.WriteAllTextAsync(file, "a line of three words\n", Stop);
        ProgramResult wrong = await RunAsync(["jobs", "list", .. Server], ("BROWNIAN_CREDENTIALS", file));
        Assert.Equal(2, wrong.ExitCode);
        Assert.Contains($"{file}:1: is not a gateway's address and a key", wrong.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("three words", wrong.Error, StringComparison.Ordinal);
        AssertRefused(await RunAsync(["jobs", "list", .. Server], ("BROWNIAN_CREDENTIALS", _folder.Combine("missing"))), "cannot be read", 2);
    }

    [Fact]
    public async Task The_first_key_of_a_data_folder_is_sent_to_its_server_only_and_follows_a_rotation()
    {
        // The default data folder is a link to that of the server.
        Directory.CreateDirectory(_folder.FullPath);
        Directory.CreateSymbolicLink(_folder.Combine("brownian"), _data.Combine("server"));
        Assert.Equal(0, (await RunAsync(["account", .. Server])).ExitCode);
        // As the process itself would have written it, if the test had not given it the token.
        await File.WriteAllTextAsync(_data.Combine("server", "operator-token"), ServedProgram.OperatorToken, Stop);
        Assert.Equal(0, (await RunAsync(["keys", "list", "--operators", _server.Operators])).ExitCode);
        await using (var other = new ServedProgram(["--require-keys"], _data.Combine("other")))
        {
            await other.InitializeAsync();
            AssertRefused(await RunAsync(["account", "--server", other.Grpc]), "credentials are required", also: "sent none");
            AssertRefused(await RunAsync(["keys", "list", "--operators", other.Operators]), "credentials are required", also: "sent none");
        }

        string file = _data.Combine("server", "api-key"), first = (await File.ReadAllTextAsync(file, Stop)).Trim();
        string second = (await TextAsync(["keys", "rotate", first.Split('_')[1], "--overlap", "0s", .. Operators])).Trim();
        Assert.Equal(second, (await File.ReadAllTextAsync(file, Stop)).Trim());
        Assert.Contains(second.Split('_')[1], await TextAsync(["account", .. Server]), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_data.Combine("server")));
        }
    }

    [Fact]
    public async Task Usage_is_CSV_or_JSON_and_the_audit_log_names_callers_and_refusals()
    {
        string key = (await TextAsync(["keys", "create", "--role", "admin", .. Operators])).Trim(), id = key.Split('_')[1];
        await TextAsync(["generate", "owl", "--steps", "2", "--quiet", "-o", _folder.Combine("owl.png"), "--api-key", key, .. Server]);
        string job = (string)JsonNode.Parse(await TextAsync(["jobs", "list", "--json", "--api-key", key, .. Server]))!["jobs"]![0]!["id"]!;
        await RunAsync(["jobs", "list", "--api-key", "wrong", .. Server]);
        string[] admin = ["--operators", _server.Operators, "--token", key];

        string[] csv = (await TextAsync(["usage", .. admin])).Trim().Split('\n');
        Assert.Equal("day,tenant,requests,done,failed,cancelled,images,pixel_steps", csv[0]);
        Assert.Matches(@"^\d{4}-\d\d-\d\d,default,1,1,0,0,1,\d+$", csv[1]);
        JsonNode usage = JsonNode.Parse(await TextAsync(["usage", "--json", "--tenant", "default", .. admin]))!;
        Assert.Equal("1", (string)usage["days"]![0]!["requests"]!);
        string audit = await TextAsync(["audit", .. admin]);
        Assert.Matches($@"key:{id}\s+default\s+job\.submit\s+{job}\s+127\.0\.0\.1", audit);
        Assert.Matches(@"operator\s+default\s+key\.create\s+" + id, audit);
        Assert.Matches(@"unknown\s+access\.refuse\s+/brownian\.v1\.Generation/Get\s+127\.0\.0\.1\s+Unauthenticated", audit);
        AssertRefused(await RunAsync(["usage", "--from", "yesterday", .. admin]), "--from: \"yesterday\" is not allowed", 2);
    }

    public async ValueTask InitializeAsync()
    {
        _server = new ServedProgram(["--require-keys"], _data.Combine("server"));
        await _server.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _data.Dispose();
        _folder.Dispose();
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private async Task<string> TextAsync(string[] arguments)
    {
        ProgramResult result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.OutputText;
    }

    private Task<ProgramResult> RunAsync(string[] arguments, params (string Name, string Value)[] environment) =>
        BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = arguments,
            WorkingDirectory = _folder.FullPath,
            // Neither the user's credentials nor those of a server of the user are found.
            Environment = new Dictionary<string, string>(environment.Select(pair => KeyValuePair.Create(pair.Name, pair.Value)))
            {
                ["XDG_CONFIG_HOME"] = _folder.FullPath,
                ["XDG_DATA_HOME"] = _folder.FullPath,
            },
        });

    private static void AssertRefused(ProgramResult result, string says, int exitCode = 1, string also = "")
    {
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
        Assert.Contains(also, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }
}
