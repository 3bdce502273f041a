using System.Text.Json.Nodes;
using RabbitMQ.Client;

namespace Brownian.Testing.Events;

/// <summary>An event that a queue outside the platform received.</summary>
/// <param name="Exchange">The exchange it was published to.</param>
/// <param name="Key">Its routing key.</param>
/// <param name="Properties">Its properties and headers.</param>
/// <param name="Body">Its bytes as text.</param>
internal sealed record PublishedEvent(string Exchange, string Key, IReadOnlyBasicProperties Properties, string Body)
{
    public JsonObject Json { get; } = JsonNode.Parse(Body)!.AsObject();

    public string Id => Json["eventId"]!.GetValue<string>();
}
