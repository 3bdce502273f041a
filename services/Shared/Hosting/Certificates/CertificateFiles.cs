namespace Brownian.Hosting.Certificates;

/// <summary>The PEM files of a process's certificates. The names of the properties are the fields of faults.</summary>
/// <param name="CertificateFile">The certificate and the CAs between it and its root; null for none.</param>
/// <param name="CertificateKeyFile">The certificate's private key; null for none.</param>
/// <param name="AuthorityFile">The CAs whose certificates the process accepts; null for those of the system.</param>
public sealed record CertificateFiles(string? CertificateFile = null, string? CertificateKeyFile = null, string? AuthorityFile = null)
{
    /// <summary>Whether no file is given.</summary>
    public bool IsEmpty => this == new CertificateFiles();

    /// <summary>Reads the files as they are now.</summary>
    /// <param name="now">The time at which the certificate must be valid.</param>
    /// <returns>The certificates, or every fault.</returns>
    public (CertificateSet? Set, IReadOnlyList<FieldFault> Faults) Read(DateTimeOffset now) => Read(ReadContents(), now);

    /// <summary>Reads the contents of the files; a file that cannot be read has a fault instead.</summary>
    internal CertificateContents ReadContents()
    {
        var faults = new List<FieldFault>();
        return new CertificateContents(
            ReadText(nameof(CertificateFile), CertificateFile, faults), ReadText(nameof(CertificateKeyFile), CertificateKeyFile, faults),
            ReadText(nameof(AuthorityFile), AuthorityFile, faults), faults);
    }

    internal (CertificateSet? Set, IReadOnlyList<FieldFault> Faults) Read(CertificateContents contents, DateTimeOffset now)
    {
        List<FieldFault> faults = [.. contents.Faults];
        if ((CertificateFile is null) != (CertificateKeyFile is null))
        {
            faults.Add(new FieldFault(
                CertificateFile is null ? nameof(CertificateFile) : nameof(CertificateKeyFile),
                "is missing; TLS needs both CertificateFile and CertificateKeyFile"));
        }
        CertificateSet? set = CertificateSet.Parse(contents, now, faults);
        return faults.Count == 0 ? (set, faults) : (null, faults);
    }

    private static string? ReadText(string field, string? file, List<FieldFault> faults)
    {
        if (file is null)
        {
            return null;
        }
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            faults.Add(new FieldFault(field, $"{file} cannot be read: {exception.Message}"));
            return null;
        }
    }
}
