using System.Text;
using RabbitMQ.Client;

namespace Brownian.Upgrade.Saver;

/// <summary>A message of the broker with its properties, which the tests publish again.</summary>
internal sealed record SavedMessage
{
    /// <summary>The exchange that it is published to; empty for the default exchange, which routes by the queue's name.</summary>
    public required string Exchange { get; init; }

    /// <summary>The queue, or the exchange's routing key.</summary>
    public required string RoutingKey { get; init; }

    public required byte[] Body { get; init; }

    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public string? MessageId { get; init; }

    public string? CorrelationId { get; init; }

    public bool Persistent { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public static SavedMessage Of(BasicGetResult got) => new()
    {
        Exchange = got.Exchange,
        RoutingKey = got.RoutingKey,
        Body = got.Body.ToArray(),
        ContentType = got.BasicProperties.ContentType,
        ContentEncoding = got.BasicProperties.ContentEncoding,
        MessageId = got.BasicProperties.MessageId,
        CorrelationId = got.BasicProperties.CorrelationId,
        Persistent = got.BasicProperties.Persistent,
        Headers = (got.BasicProperties.Headers ?? new Dictionary<string, object?>())
            // The broker adds this header to messages that it delivered before.
            .Where(header => !header.Key.StartsWith("x-", StringComparison.Ordinal))
            .ToDictionary(header => header.Key, header => header.Value is byte[] text ? Encoding.UTF8.GetString(text) : $"{header.Value}"),
    };
}
