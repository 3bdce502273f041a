using System.Security.Cryptography.X509Certificates;

namespace Brownian.Testing.Certificates;

/// <summary>A certificate with its key, as PEM.</summary>
/// <param name="Certificate">The certificate.</param>
/// <param name="Key">The private key.</param>
internal sealed record TestCertificate(string Certificate, string Key)
{
    /// <summary>The extended key usage of servers.</summary>
    public const string ServerUse = "1.3.6.1.5.5.7.3.1";

    /// <summary>The extended key usage of clients.</summary>
    public const string ClientUse = "1.3.6.1.5.5.7.3.2";

    /// <summary>The certificate's thumbprint.</summary>
    public string Thumbprint
    {
        get
        {
            using X509Certificate2 certificate = X509Certificate2.CreateFromPem(Certificate);
            return certificate.Thumbprint;
        }
    }

    /// <summary>The certificate with its key.</summary>
    public X509Certificate2 Load() => X509Certificate2.CreateFromPem(Certificate, Key);
}
