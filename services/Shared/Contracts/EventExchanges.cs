using System.Text;

namespace Brownian.Contracts;

/// <summary>Where events are published: durable topic exchanges, with <c>MODEL.STATE</c> as the routing key.</summary>
public static class EventExchanges
{
    /// <summary>The exchange of <see cref="Contracts.JobAccepted"/>.</summary>
    public const string JobAccepted = "brownian.v1.job-accepted";

    /// <summary>The exchange of <see cref="Contracts.JobStarted"/>.</summary>
    public const string JobStarted = "brownian.v1.job-started";

    /// <summary>The exchange of <see cref="Contracts.JobEnded"/>.</summary>
    public const string JobEnded = "brownian.v1.job-ended";

    /// <summary>Bytes of UTF-8 that AMQP 0-9-1 allows in a routing key.</summary>
    private const int MaxKeyLength = 255;

    /// <summary>The routing key of an event.</summary>
    /// <param name="model">
    /// The job's model. A character that a routing key gives a meaning to (<c>.</c>, <c>*</c>, <c>#</c>), a space and a control character become
    /// <c>-</c>; what makes the key longer than 255 bytes is cut off.
    /// </param>
    /// <param name="state"><c>accepted</c>, <c>started</c>, <c>done</c>, <c>failed</c> or <c>cancelled</c>.</param>
    /// <returns>Two words with a dot between them.</returns>
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
