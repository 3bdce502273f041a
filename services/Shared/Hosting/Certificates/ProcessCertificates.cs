using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Brownian.Hosting.Certificates;

/// <summary>
/// The certificates that a process uses now. Every handshake reads the current set; connections continue with the set that they began with.
/// </summary>
public sealed class ProcessCertificates
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1", ClientUse = "1.3.6.1.5.5.7.3.2";
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;

    private readonly TimeProvider _clock;
    private CertificateContents _contents;
    private CertificateSet _current;

    /// <summary>Reads the files.</summary>
    /// <param name="files">The files.</param>
    /// <param name="clock">The machine's clock, by which certificates are valid.</param>
    /// <exception cref="FieldFaultException">A file is at fault.</exception>
    public ProcessCertificates(CertificateFiles files, TimeProvider clock)
    {
        (Files, _clock) = (files, clock);
        _contents = files.ReadContents();
        (CertificateSet? set, IReadOnlyList<FieldFault> faults) = files.Read(_contents, clock.GetUtcNow());
        _current = set ?? throw new FieldFaultException([.. faults]);
    }

    /// <summary>The files.</summary>
    public CertificateFiles Files { get; }

    /// <summary>The current set.</summary>
    public CertificateSet Current => Volatile.Read(ref _current);

    /// <summary>Whether the ports of the process speak TLS.</summary>
    public bool ServesTls => Current.Own is not null;

    /// <summary>Whether the process can require certificates of clients: it speaks TLS, and has CAs that are not those of the whole world.</summary>
    public bool CanRequire => Current is { Own: not null, HasAuthorities: true };

    /// <summary>
    /// Reads the files again, and replaces the set if their contents have changed and are valid. Files that change while they are read are left to
    /// the next call, so that no set mixes files of two times.
    /// </summary>
    /// <param name="faults">The faults of changed files, with which the set stays as it is; otherwise empty.</param>
    /// <returns>Whether the set was replaced.</returns>
    public bool TryReload(out IReadOnlyList<FieldFault> faults)
    {
        faults = [];
        CertificateContents contents = Files.ReadContents();
        if (contents.Equals(_contents) || !contents.Equals(Files.ReadContents()))
        {
            return false;
        }
        (CertificateSet? set, faults) = Files.Read(contents, _clock.GetUtcNow());
        if (set is null)
        {
            return false;
        }
        _contents = contents;
        Volatile.Write(ref _current, set);
        return true;
    }

    /// <summary>Returns the options of a server's handshake.</summary>
    /// <param name="clients">What the server does about certificates of clients.</param>
    /// <param name="protocols">The protocols above TLS.</param>
    /// <exception cref="InvalidOperationException">The process has no certificate.</exception>
    public SslServerAuthenticationOptions ServerOptions(ClientCertificateUse clients, params IEnumerable<SslApplicationProtocol> protocols) => new()
    {
        ServerCertificateContext = Current.Own ?? throw new InvalidOperationException("the process has no certificate"),
        EnabledSslProtocols = Protocols,
        ApplicationProtocols = [.. protocols],
        ClientCertificateRequired = clients != ClientCertificateUse.None,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = clients == ClientCertificateUse.None
            ? null
            : (_, certificate, chain, _) =>
                (certificate is null && clients == ClientCertificateUse.Optional) || Check(certificate, chain, ClientUse, "the client's certificate"),
    };

    /// <summary>
    /// Returns the options with which the process connects to a server: the server's certificate must be of a CA of the process and have the server's
    /// name. The process presents its own certificate when the server asks for one.
    /// </summary>
    /// <param name="host">The server's name or address.</param>
    public SslClientAuthenticationOptions ClientOptions(string host) => new()
    {
        TargetHost = host,
        EnabledSslProtocols = Protocols,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        ClientCertificateContext = Current.Own,
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) => CheckServer(certificate, chain, errors, host),
    };

    /// <summary>
    /// Returns the same options for a client of many connections: each connection reads the set that is then current. Such a client sends its
    /// certificate without the CAs between it and its root.
    /// </summary>
    public SslClientAuthenticationOptions LastingClientOptions() => new()
    {
        EnabledSslProtocols = Protocols,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        LocalCertificateSelectionCallback = (_, _, _, _, _) => Current.Own?.TargetCertificate!,
        RemoteCertificateValidationCallback =
            (sender, certificate, chain, errors) => CheckServer(certificate, chain, errors, (sender as SslStream)?.TargetHostName ?? "the server"),
    };

    private bool CheckServer(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, string host)
    {
        string subject = $"the certificate of {host}";
        Check(certificate, chain, ServerUse, subject);
        return !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? true
            : throw new AuthenticationException($"{subject} is for another name: {NamesOf(certificate)}");
    }

    /// <summary>Checks a peer's certificate.</summary>
    /// <exception cref="AuthenticationException">It is missing or invalid, with the reason: a callback that returns false gives none.</exception>
    private bool Check(X509Certificate? certificate, X509Chain? sent, string use, string subject)
    {
        if (certificate is null)
        {
            throw new AuthenticationException($"{subject} is missing");
        }
        using var chain = new X509Chain { ChainPolicy = Current.PolicyFor(use) };
        // The CAs that the peer sent with its certificate.
        chain.ChainPolicy.ExtraStore.AddRange(sent?.ChainPolicy.ExtraStore ?? []);
        using X509Certificate2? copy = certificate is X509Certificate2 ? null : new X509Certificate2(certificate);
        if (!chain.Build(copy ?? (X509Certificate2)certificate))
        {
            string reasons = string.Join("; ", chain.ChainStatus.Select(status => $"{status.Status}: {status.StatusInformation.Trim()}").Distinct());
            throw new AuthenticationException($"{subject} is not accepted: {reasons}");
        }
        return true;
    }

    private static string NamesOf(X509Certificate? certificate)
    {
        X509SubjectAlternativeNameExtension? names =
            (certificate as X509Certificate2)?.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        return names is null
            ? certificate?.Subject ?? ""
            : string.Join(", ", [.. names.EnumerateDnsNames(), .. names.EnumerateIPAddresses().Select(address => address.ToString())]);
    }
}
