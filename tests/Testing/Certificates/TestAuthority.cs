using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Brownian.Testing.Certificates;

/// <summary>A certificate authority for tests: a root CA, or a CA between a root and its certificates.</summary>
internal sealed class TestAuthority
{
    private readonly X509Certificate2 _certificate;
    private long _serial = 1;

    /// <summary>Creates a root CA.</summary>
    public TestAuthority(string name = "tests")
        : this(name, null)
    {
    }

    private TestAuthority(string name, TestAuthority? issuer)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        _certificate = issuer is null
            ? request.CreateSelfSigned(now.AddDays(-30), now.AddDays(400))
            : request.Create(issuer._certificate, now.AddDays(-20), now.AddDays(390), issuer.NextSerial()).CopyWithPrivateKey(key);
    }

    /// <summary>The CA's certificate.</summary>
    public string Pem => _certificate.ExportCertificatePem();

    /// <summary>The CA's certificate as what a client trusts.</summary>
    public X509Certificate2Collection Trusted => [X509Certificate2.CreateFromPem(Pem)];

    /// <summary>Creates a CA whose certificate this one issues.</summary>
    public TestAuthority CreateIntermediate(string name) => new(name, this);

    /// <summary>Issues a certificate.</summary>
    /// <param name="names">Its host names and addresses; 127.0.0.1 and localhost when empty.</param>
    /// <param name="uses">Its extended key usage; the one of servers and of clients when null, none when empty.</param>
    /// <param name="from">Days from now to the beginning of its validity.</param>
    /// <param name="to">Days from now to its end.</param>
    public TestCertificate Issue(string[]? names = null, string[]? uses = null, double from = -10, double to = 100)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        names ??= ["127.0.0.1", "localhost"];
        uses ??= [TestCertificate.ServerUse, TestCertificate.ClientUse];
        string name = _certificate.GetNameInfo(X509NameType.SimpleName, false) + "-" + _serial.ToString(CultureInfo.InvariantCulture);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        if (uses.Length > 0)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. uses.Select(use => new Oid(use))], false));
        }
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string alternative in names)
        {
            if (IPAddress.TryParse(alternative, out IPAddress? address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(alternative);
            }
        }
        request.CertificateExtensions.Add(alternatives.Build());
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 issued = request.Create(_certificate, now.AddDays(from), now.AddDays(to), NextSerial());
        return new TestCertificate(issued.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private byte[] NextSerial() => BitConverter.GetBytes(IPAddress.HostToNetworkOrder(_serial++));
}
