using Brownian.Diffusion.Faults;
using Brownian.Jobs.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting.Tests;

/// <summary>A process that other machines can reach states whether callers need credentials, and can be used when they do.</summary>
public sealed class AuthenticationSettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", null, null)]
    [InlineData("::1", "127.0.0.1", null, null)]
    [InlineData("0.0.0.0", "127.0.0.1", null, "Listen 0.0.0.0")]
    [InlineData("127.0.0.1", "10.0.0.1", null, "OperatorListen 10.0.0.1")]
    [InlineData("::", "0.0.0.0", null, "Listen :: and OperatorListen 0.0.0.0")]
    [InlineData("0.0.0.0", "0.0.0.0", "none", null)]
    [InlineData("0.0.0.0", "0.0.0.0", "required", null)]
    public void Listening_elsewhere_without_a_decision_is_refused(string listen, string operators, string? authentication, string? named)
    {
        var options = new PlatformOptions { Listen = listen, OperatorListen = operators, Authentication = authentication };
        string[] faults = [.. new PlatformOptionsValidator().Validate(null, options).Failures ?? []];
        if (named is null)
        {
            Assert.Empty(faults);
        }
        else
        {
            Assert.Equal(
                [
                    $"Platform:Authentication: is missing; other machines can reach {named}; allowed: required (docs/security.md), "
                        + "or none, which lets every caller in. On the command line: serve --require-keys",
                ],
                faults);
        }
    }

    [Fact]
    public void Every_fault_of_credentials_is_reported_without_the_secrets()
    {
        var options = new PlatformOptions
        {
            Authentication = "sometimes",
            InitialKey = "brn_too_short",
            OidcAuthority = "http://login.example.org",
            MetricsToken = "short",
            ServiceToken = "small",
            TenantRequestsPerMinute = 100_001,
            TenantJobs = -1,
        };
        string[] faults = [.. new PlatformOptionsValidator().Validate(null, options).Failures!];
        Assert.Equal(
            [
                "MetricsToken", "ServiceToken", "TenantRequestsPerMinute", "TenantJobs", "Authentication", "InitialKey", "OidcAuthority",
                "OidcAudience",
            ],
            faults.Select(fault => fault.Split(':')[1]));
        Assert.DoesNotContain(
            faults, fault => fault.Contains("too_short", StringComparison.Ordinal) || fault.Contains("small", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_without_a_data_folder_that_no_caller_could_use_is_refused()
    {
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => Build("Ephemeral=true", "Authentication=required"));
        Assert.Contains("Platform:Authentication: is required, and nobody could get a key", refused.Message, StringComparison.Ordinal);
        await Build("Ephemeral=true", "Authentication=required", "OperatorToken=" + Node.OperatorToken).DisposeAsync();
        await Build([.. Node.Secured, "Ephemeral=true"]).DisposeAsync();
    }

    [Fact]
    public async Task The_first_key_is_created_once_in_the_data_folder_and_stays_revoked()
    {
        string file = _folder.Combine("data", InitialKey.FileName);
        string[] settings = ["DataFolder=" + _folder.Combine("data"), "Authentication=required"];
        string text;
        await using (WebApplication first = Build(settings))
        {
            text = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Trim();
            Assert.True(KeyText.TryParse(text, out KeyText? key));
            Assert.Equal(key, first.Services.GetRequiredService<InitialKey>().Text);
        }
        await using (WebApplication second = Build(settings))
        {
            Assert.Equal(text, second.Services.GetRequiredService<InitialKey>().Text!.ToString());
        }
        await File.WriteAllTextAsync(file, "not a key", TestContext.Current.CancellationToken);
        Assert.Contains("contains no API key", Assert.Throws<FieldFaultException>(() => Build(settings)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_has_256_random_bits_and_its_text_is_read_only_in_its_whole_form()
    {
        KeyText key = KeyText.Create(), other = KeyText.Create();
        Assert.True(KeyText.TryParse(key.ToString(), out KeyText? read));
        Assert.Equal(key, read);
        Assert.NotEqual(key.Secret, other.Secret);
        Assert.Equal(32, System.Buffers.Text.Base64Url.DecodeFromChars(key.Secret).Length);
        Assert.True(key.Matches(key.Hash()));
        Assert.False(other.Matches(key.Hash()));
        Assert.DoesNotContain(key.Secret, key.Hash(), StringComparison.Ordinal);
        string text = key.ToString();
        foreach (string wrong in (string[])["", "brn_", text[..^1], text + "A", text.Replace("brn_", "brm_", StringComparison.Ordinal), " " + text])
        {
            Assert.False(KeyText.TryParse(wrong, out _), wrong);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static WebApplication Build(params string[] settings) => PlatformHost.Build(
        [
            "--Platform:HttpPort=0", "--Platform:GrpcPort=0", "--Platform:OperatorHttpPort=0", "--Platform:OperatorGrpcPort=0",
            "--Logging:LogLevel:Default=Warning", .. settings.Select(setting => "--Platform:" + setting),
        ],
        ServiceRole.Gateway,
        Node.Everything);
}
