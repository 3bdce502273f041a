using System.Text;

namespace Brownian.Contracts;

/// <summary>The exchanges that events are published to: durable topic exchanges, with <c>MODEL.STATE</c> as the routing key.</summary>
public static class EventExchanges
{
    /// <summary>The exchange of <see cref="Contracts.JobAccepted"/>.</summary>
    public const string JobAccepted = "brownian.v1.job-accepted";

    /// <summary>The exchange of <see cref="Contracts.JobStarted"/>.</summary>
    public const string JobStarted = "brownian.v1.job-started";

    /// <summary>The exchange of <see cref="Contracts.JobEnded"/>.</summary>
    public const string JobEnded = "brownian.v1.job-ended";

    /// <summary>The maximum length of a routing key in AMQP 0-9-1, in bytes of UTF-8.</summary>
    private const int MaxKeyLength = 255;

    /// <summary>Returns the routing key of an event.</summary>
    /// <param name="model">
    /// The job's model. Characters with a meaning in routing keys (<c>.</c>, <c>*</c>, <c>#</c>), white space and control characters are replaced by
    /// <c>-</c>; the name is truncated so that the key has at most 255 bytes.
    /// </param>
    /// <param name="state"><c>accepted</c>, <c>started</c>, <c>done</c>, <c>failed</c> or <c>cancelled</c>.</param>
    /// <returns>Two words separated by a dot.</returns>
    public static string RoutingKey(string model, string state)
    {
        var word = new StringBuilder();
        int left = MaxKeyLength - 1 - Encoding.UTF8.GetByteCount(state);
        foreach (Rune rune in model.EnumerateRunes())
        {
            Rune kept = rune.Value is '.' or '*' or '#' || Rune.IsWhiteSpace(rune) || Rune.IsControl(rune) ? new Rune('-') : rune;
            left -= kept.Utf8SequenceLength;
            if (left < 0)
            {
                break;
            }
            word.Append(kept.ToString());
        }
        return $"{(word.Length == 0 ? "-" : word)}.{state}";
    }
}
