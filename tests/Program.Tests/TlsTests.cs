using System.Diagnostics;
using Brownian.Testing.Certificates;

namespace Brownian.Program.Tests;

/// <summary>The command line and a server that speaks TLS with a certificate of a CA that the system does not know.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly TestAuthority _authority = new();
    private readonly TemporaryFolder _folder = new();
    private readonly CertificateFolder _certificates;
    private readonly ServedProgram _server;

    public TlsTests()
    {
        _certificates = new CertificateFolder(_authority.Issue(), _authority.Pem);
        _server = new ServedProgram([], certificates: _certificates);
    }

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_CA_comes_from_the_option_or_the_environment_and_without_it_the_server_is_not_trusted()
    {
        string another = _folder.Combine("another.pem");
        await File.WriteAllTextAsync(another, new TestAuthority("another").Pem, TestContext.Current.CancellationToken);
        string[] list = ["jobs", "list", "--server", _server.Grpc];

        Assert.Equal(0, (await RunAsync([.. list, "--ca", _certificates.Authorities])).ExitCode);
        Assert.Equal(0, (await RunAsync(list, _certificates.Authorities)).ExitCode);
        // The option is stronger.
        Assert.Equal(0, (await RunAsync([.. list, "--ca", _certificates.Authorities], another)).ExitCode);
        foreach (ProgramResult refused in (ProgramResult[])[await RunAsync(list), await RunAsync([.. list, "--ca", another])])
        {
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("no gateway answers at " + _server.Grpc, refused.Error, StringComparison.Ordinal);
            Assert.Contains("certificate", refused.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_image_comes_over_TLS()
    {
        string image = _folder.Combine("owl.png"), expected = _folder.Combine("expected.png");
        string[] generate = ["generate", "owl", "--steps", "1", "--seed", "7"];

        ProgramResult remote = await RunAsync([.. generate, "-o", image, "--server", _server.Grpc, "--ca", _certificates.Authorities]);
        ProgramResult local = await RunAsync([.. generate, "-o", expected]);

        Assert.Equal((0, 0), (remote.ExitCode, local.ExitCode));
        Assert.Equal(
            await File.ReadAllBytesAsync(expected, TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(image, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_commands_of_the_page_make_a_certificate_with_which_a_server_serves()
    {
        string[] page = await File.ReadAllLinesAsync(Repository.Combine("docs", "tls.md"), TestContext.Current.CancellationToken);
        string[] commands = [.. page.Skip(2).TakeWhile(line => line.StartsWith("    ", StringComparison.Ordinal))];
        var start = new ProcessStartInfo("bash", ["-ec", string.Join('\n', commands)])
        {
            WorkingDirectory = _folder.FullPath,
            RedirectStandardError = true,
        };
        using (Process shell = Process.Start(start)!)
        {
            string errors = await shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(shell.ExitCode == 0, errors);
        }
        var own = new TestCertificate(await ReadAsync("tls.crt"), await ReadAsync("tls.key"));
        using var certificates = new CertificateFolder(own, await ReadAsync("ca.crt"));
        await using var server = new ServedProgram([], certificates: certificates);
        await server.InitializeAsync();

        string[] jobs = ["jobs", "list", "--ca", _folder.Combine("ca.crt"), "--server"];
        Assert.Equal(0, (await RunAsync([.. jobs, server.Grpc])).ExitCode);
        Assert.Equal(0, (await RunAsync([.. jobs, server.Grpc.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)])).ExitCode);

        Task<string> ReadAsync(string name) => File.ReadAllTextAsync(_folder.Combine(name), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_file_of_CAs_that_is_missing_or_empty_is_named_with_the_option_or_the_variable()
    {
        string empty = _folder.Combine("empty.pem"), missing = _folder.Combine("missing.pem");
        await File.WriteAllTextAsync(empty, "", TestContext.Current.CancellationToken);
        string[] list = ["workers", "list", "--operators", _server.Operators];

        ProgramResult[] refused =
            [await RunAsync([.. list, "--ca", empty]), await RunAsync([.. list, "--ca", missing]), await RunAsync(list, missing)];

        Assert.All(refused, result => Assert.Equal(2, result.ExitCode));
        Assert.Contains($"--ca: {empty} has no certificate", refused[0].Error, StringComparison.Ordinal);
        Assert.Contains($"--ca: {missing} cannot be read", refused[1].Error, StringComparison.Ordinal);
        Assert.Contains($"BROWNIAN_CA: {missing} cannot be read", refused[2].Error, StringComparison.Ordinal);
    }

    private static Task<ProgramResult> RunAsync(string[] arguments, string? variable = null) => BrownianProgram.RunAsync(new ProgramRun
    {
        Arguments = arguments,
        Environment = variable is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["BROWNIAN_CA"] = variable },
    });
}
