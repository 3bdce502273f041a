namespace Brownian.Cli.Commands;

/// <summary>Reads times such as 90d, 12h, 30m and 45s.</summary>
internal static class Lifetimes
{
    /// <summary>Reads a time.</summary>
    /// <exception cref="FieldFaultException">The text is no such time.</exception>
    public static TimeSpan Read(string option, string text)
    {
        double seconds = text is [.., var unit]
            && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            ? number * unit switch
            {
                'd' => 86_400,
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => double.NaN,
            }
            : double.NaN;
        return seconds is >= 0 and <= 1e9
            ? TimeSpan.FromSeconds(seconds)
            : throw new FieldFaultException(option, text, "a number of days, hours, minutes or seconds, such as 90d, 12h, 30m or 45s");
    }
}
