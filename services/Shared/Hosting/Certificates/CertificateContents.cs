namespace Brownian.Hosting.Certificates;

/// <summary>The texts of <see cref="CertificateFiles"/> at one time.</summary>
/// <param name="Certificate">The text of the certificate's file; null when it is not given or cannot be read.</param>
/// <param name="Key">The text of the key's file; null when it is not given or cannot be read.</param>
/// <param name="Authorities">The text of the CAs' file; null when it is not given or cannot be read.</param>
/// <param name="Faults">The files that cannot be read.</param>
internal sealed record CertificateContents(string? Certificate, string? Key, string? Authorities, IReadOnlyList<FieldFault> Faults)
{
    /// <summary>Whether all files have the same contents, or the same faults, as at another time.</summary>
    public bool Equals(CertificateContents? other) =>
        other is not null && Certificate == other.Certificate && Key == other.Key && Authorities == other.Authorities
            && Faults.SequenceEqual(other.Faults);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Certificate, Key, Authorities, Faults.Count);
}
