namespace Brownian.Jobs.Access;

/// <summary>
/// Where an entry stands in the audit log. No two entries have the same position: times can be equal, so a page that began after a time would leave
/// entries out.
/// </summary>
/// <param name="First">The number by which entries are ordered first.</param>
/// <param name="Second">The number that orders those whose first is equal.</param>
/// <param name="Log">The log within the audit log, which orders those whose numbers are equal.</param>
public readonly record struct AuditPosition(ulong First, ulong Second, int Log)
{
    /// <summary>Reads the text of a position.</summary>
    /// <param name="text">What <see cref="ToString"/> returned.</param>
    /// <param name="position">The position.</param>
    public static bool TryParse(string text, out AuditPosition position)
    {
        position = default;
        string[] parts = text.Split('-');
        if (parts.Length == 3
            && Number(parts[0], out ulong first) && Number(parts[1], out ulong second) && Number(parts[2], out ulong log) && log <= int.MaxValue)
        {
            position = new AuditPosition(first, second, (int)log);
            return true;
        }
        return false;

        static bool Number(string part, out ulong number) =>
            ulong.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= long.MaxValue;
    }

    /// <summary>What positions are ordered by.</summary>
    public (ulong First, ulong Second, int Log) Order => (First, Second, Log);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}-{Second}-{Log}");
}
