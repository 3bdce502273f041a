namespace Brownian.Diffusion.Faults;

/// <summary>Formats times in messages as requests contain them: ISO 8601 in UTC.</summary>
public static class IsoTime
{
    /// <summary>Formats a time, for example <c>2030-01-31T12:00:00.5Z</c>.</summary>
    public static string Format(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
}
