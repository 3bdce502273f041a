using System.Security.Cryptography;
using Brownian.Testing.Certificates;
using Microsoft.Extensions.Options;

namespace Brownian.Hosting.Tests.Certificates;

/// <summary>Every fault of the files is reported before anything starts.</summary>
public sealed class CertificateFaultTests : IDisposable
{
    private const string Certificate = "Platform:CertificateFile", Key = "Platform:CertificateKeyFile", Authority = "Platform:AuthorityFile";

    private readonly TemporaryFolder _folder = new();
    private readonly TestAuthority _authority = new();

    [Fact]
    public void Valid_files_have_no_faults_together_or_the_CAs_alone()
    {
        TestCertificate own = _authority.Issue();

        Assert.Empty(FaultsOf(own.Certificate, own.Key, _authority.Pem));
        Assert.Empty(FaultsOf(own.Certificate, own.Key, null));
        Assert.Empty(FaultsOf(null, null, _authority.Pem));
        var empty = new PlatformOptions { CertificateFile = "", CertificateKeyFile = "", AuthorityFile = "", Advertise = "http://host:1" };
        Assert.Empty(FaultsOf(empty));
        // Text around PEM is a comment.
        Assert.Empty(FaultsOf("text\n" + own.Certificate + "\ntext", own.Key, "# the CA\n" + _authority.Pem));
    }

    [Fact]
    public void A_certificate_without_its_key_and_a_key_without_its_certificate_are_refused()
    {
        TestCertificate own = _authority.Issue();

        Assert.Equal([Key + ": is missing; TLS needs both CertificateFile and CertificateKeyFile"], FaultsOf(own.Certificate, null, null));
        Assert.Equal([Certificate + ": is missing; TLS needs both CertificateFile and CertificateKeyFile"], FaultsOf(null, own.Key, null));
    }

    [Fact]
    public void Every_file_that_cannot_be_read_is_named()
    {
        string missing = _folder.Combine("missing");
        var options = new PlatformOptions { CertificateFile = missing, CertificateKeyFile = _folder.FullPath, AuthorityFile = missing };

        string[] faults = FaultsOf(options);

        Assert.Equal([Certificate, Key, Authority], faults.Select(fault => fault.Split(": ")[0]));
        Assert.All(faults, fault => Assert.Contains(" cannot be read: ", fault, StringComparison.Ordinal));
        Assert.Contains(missing, faults[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Files_without_certificates_and_damaged_ones_are_refused_at_once()
    {
        TestCertificate own = _authority.Issue();
        string damaged = own.Certificate.Replace("MII", "MIA", StringComparison.Ordinal);

        Assert.Equal([Authority, Certificate], FieldsOf(FaultsOf("no certificate", own.Key, "none")));
        Assert.Equal([Authority, Certificate], FieldsOf(FaultsOf(damaged, own.Key, damaged)));
        Assert.Contains("has no certificate; allowed: PEM", FaultsOf(own.Key, own.Key, null)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_another_certificate_one_that_is_encrypted_and_no_key_are_refused()
    {
        TestCertificate own = _authority.Issue();
        using var key = ECDsa.Create();
        key.ImportFromPem(own.Key);
        var encryption = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        string encrypted = key.ExportEncryptedPkcs8PrivateKeyPem("password", encryption);

        foreach (string given in (string[])[_authority.Issue().Key, encrypted, own.Certificate, ""])
        {
            string fault = Assert.Single(FaultsOf(own.Certificate, given, null));
            Assert.StartsWith(Key + ": cannot be used with CertificateFile: ", fault, StringComparison.Ordinal);
        }
        Assert.Empty(FaultsOf(own.Certificate, own.Key, null));
    }

    [Fact]
    public void A_certificate_that_is_expired_not_valid_yet_or_of_clients_alone_is_refused()
    {
        TestCertificate expired = _authority.Issue(from: -9, to: -1), future = _authority.Issue(from: 1, to: 9);
        TestCertificate client = _authority.Issue(uses: [TestCertificate.ClientUse]);

        Assert.Contains(" is valid from ", Assert.Single(FaultsOf(expired.Certificate, expired.Key, null)), StringComparison.Ordinal);
        Assert.Contains(" is valid from ", Assert.Single(FaultsOf(future.Certificate, future.Key, null)), StringComparison.Ordinal);
        Assert.Contains("needs serverAuth", Assert.Single(FaultsOf(client.Certificate, client.Key, null)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bundle_of_CAs_without_a_root_is_refused()
    {
        TestAuthority intermediate = _authority.CreateIntermediate("intermediate");

        Assert.Contains("has no root CA", Assert.Single(FaultsOf(null, null, intermediate.Pem)), StringComparison.Ordinal);
        Assert.Empty(FaultsOf(null, null, intermediate.Pem + "\n" + _authority.Pem));
    }

    [Fact]
    public void An_address_without_TLS_is_not_advertised_with_it()
    {
        TestCertificate own = _authority.Issue();
        PlatformOptions options = OptionsOf(own.Certificate, own.Key, null);

        options.Advertise = "http://10.0.0.7:5281";
        Assert.Equal(
            ["Platform:Advertise: \"http://10.0.0.7:5281\" is not allowed; allowed: with CertificateFile: https://host:port"], FaultsOf(options));
        options.Advertise = "https://10.0.0.7:5281";
        Assert.Empty(FaultsOf(options));
        Assert.Empty(FaultsOf(new PlatformOptions { Advertise = "http://10.0.0.7:5281" }));
    }

    [Fact]
    public void Faults_of_files_and_of_other_settings_end_the_start_together()
    {
        string[] args = ["--Platform:CertificateFile=" + _folder.Combine("missing"), "--Platform:HttpPort=65536"];

        OptionsValidationException refused =
            Assert.Throws<OptionsValidationException>(() => PlatformHost.Build(args, ServiceRole.Gateway, _ => { }));

        Assert.Equal(["Platform:HttpPort", Certificate, Key], refused.Failures.Select(fault => fault.Split(": ")[0]));
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> FieldsOf(string[] faults) => faults.Select(fault => fault.Split(": ")[0]);

    private static string[] FaultsOf(PlatformOptions options) => [.. new PlatformOptionsValidator().Validate(null, options).Failures ?? []];

    private string[] FaultsOf(string? certificate, string? key, string? authorities) => FaultsOf(OptionsOf(certificate, key, authorities));

    private PlatformOptions OptionsOf(string? certificate, string? key, string? authorities) => new()
    {
        CertificateFile = Write("tls.crt", certificate),
        CertificateKeyFile = Write("tls.key", key),
        AuthorityFile = Write("ca.crt", authorities),
    };

    private string? Write(string name, string? text)
    {
        if (text is null)
        {
            return null;
        }
        File.WriteAllText(_folder.Combine(name), text);
        return _folder.Combine(name);
    }
}
