using System.Text.Json.Nodes;
using RabbitMQ.Client;

namespace Brownian.Testing.Events;

/// <summary>An event as a queue of a stranger to the platform has it.</summary>
/// <param name="Exchange">Where it was published.</param>
/// <param name="Key">Its routing key.</param>
/// <param name="Properties">Its properties and headers.</param>
/// <param name="Body">Its bytes as text.</param>
internal sealed record PublishedEvent(string Exchange, string Key, IReadOnlyBasicProperties Properties, string Body)
{
    public JsonObject Json { get; } = JsonNode.Parse(Body)!.AsObject();

    public string Id => Json["eventId"]!.GetValue<string>();
}
