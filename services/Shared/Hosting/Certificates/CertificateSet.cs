using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Brownian.Hosting.Certificates;

/// <summary>The certificates of a process at one time. They are never changed: new files make a new set.</summary>
public sealed class CertificateSet
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2Collection? _authorities;

    private CertificateSet(SslStreamCertificateContext? own, X509Certificate2Collection? authorities)
    {
        (Own, _authorities) = (own, authorities);
    }

    /// <summary>The certificate of the process with its key and the CAs that the process sends with it; null for none.</summary>
    public SslStreamCertificateContext? Own { get; }

    /// <summary>Whether the CAs are those of a file, and not those of the system.</summary>
    public bool HasAuthorities => _authorities is not null;

    /// <summary>When <see cref="Own"/> expires; null without one.</summary>
    public DateTimeOffset? Expires => Own is { } own ? new DateTimeOffset(own.TargetCertificate.NotAfter) : null;

    /// <summary>
    /// How a certificate's chain is checked: up to a CA of the file, or of the system. Nothing is downloaded, and revocation is not checked.
    /// </summary>
    /// <param name="use">The object identifier of the extended key usage, which the certificate may also leave out.</param>
    internal X509ChainPolicy PolicyFor(string use)
    {
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid(use));
        if (_authorities is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(_authorities);
        }
        return policy;
    }

    /// <summary>Parses the files' contents.</summary>
    /// <param name="contents">The contents.</param>
    /// <param name="now">The time at which the certificate must be valid.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <returns>The certificates; null when there was a fault.</returns>
    internal static CertificateSet? Parse(CertificateContents contents, DateTimeOffset now, List<FieldFault> faults)
    {
        int before = faults.Count;
        X509Certificate2Collection? authorities = contents.Authorities is { } bundle ? ParseAuthorities(bundle, faults) : null;
        SslStreamCertificateContext? own =
            contents is { Certificate: { } certificate, Key: { } key } ? ParseOwn(certificate, key, now, faults) : null;
        return faults.Count == before ? new CertificateSet(own, authorities) : null;
    }

    private static X509Certificate2Collection? ParseAuthorities(string bundle, List<FieldFault> faults)
    {
        X509Certificate2Collection? all = ParseCertificates(nameof(CertificateFiles.AuthorityFile), bundle, faults);
        if (all is not null && !all.Any(IsRoot))
        {
            faults.Add(new FieldFault(
                nameof(CertificateFiles.AuthorityFile), "has no root CA, which is a certificate that it issued itself; others are not trusted"));
            return null;
        }
        return all;
    }

    private static bool IsRoot(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    private static SslStreamCertificateContext? ParseOwn(string certificate, string key, DateTimeOffset now, List<FieldFault> faults)
    {
        const string Field = nameof(CertificateFiles.CertificateFile);
        if (ParseCertificates(Field, certificate, faults) is not { } chain)
        {
            return null;
        }
        X509Certificate2 leaf = chain[0];
        int before = faults.Count;
        if (now < leaf.NotBefore || now > leaf.NotAfter)
        {
            faults.Add(new FieldFault(Field, string.Create(
                CultureInfo.InvariantCulture,
                $"{leaf.Subject} is valid from {leaf.NotBefore.ToUniversalTime():u} to {leaf.NotAfter.ToUniversalTime():u}, and it is {now:u}")));
        }
        if (leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } uses
            && !uses.EnhancedKeyUsages.Cast<Oid>().Any(use => use.Value == ServerUse))
        {
            faults.Add(new FieldFault(Field, $"{leaf.Subject} is for other uses than servers; its extended key usage needs serverAuth"));
        }
        try
        {
            X509Certificate2 own = X509Certificate2.CreateFromPem(certificate, key);
            // The other certificates of the file complete the chain; a root is sent by no server.
            return faults.Count > before
                ? null
                : SslStreamCertificateContext.Create(own, [.. chain.Skip(1).Where(other => !IsRoot(other))], offline: true);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            faults.Add(new FieldFault(
                nameof(CertificateFiles.CertificateKeyFile),
                $"cannot be used with CertificateFile: {exception.Message}; allowed: the unencrypted PEM key of {leaf.Subject}"));
            return null;
        }
    }

    private static X509Certificate2Collection? ParseCertificates(string field, string text, List<FieldFault> faults)
    {
        var all = new X509Certificate2Collection();
        try
        {
            all.ImportFromPem(text);
        }
        catch (CryptographicException exception)
        {
            faults.Add(new FieldFault(field, "cannot be parsed: " + exception.Message));
            return null;
        }
        if (all.Count == 0)
        {
            faults.Add(new FieldFault(field, "has no certificate; allowed: PEM, which begins with -----BEGIN CERTIFICATE-----"));
            return null;
        }
        return all;
    }
}
