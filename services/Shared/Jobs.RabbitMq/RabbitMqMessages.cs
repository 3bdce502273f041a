using System.Text;
using System.Text.Json;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>The wire format of messages.</summary>
internal static class RabbitMqMessages
{
    /// <summary>
    /// The size limit of a message in bytes. A message refers to a job and contains none of its data, so a larger one is a mistake.
    /// </summary>
    public const int MaxMessageBytes = 4096;

    private const int LoggedCharacters = 200;
    private const string QueueHeader = "brownian-queue";
    private const string ReasonHeader = "brownian-reason";

    /// <exception cref="ArgumentException">The message is too large.</exception>
    public static byte[] Write(StageMessage message)
    {
        byte[] body = JobJson.Write(message);
        if (body.Length >= MaxMessageBytes)
        {
            throw new ArgumentException($"A message of {body.Length} bytes is too large: it must stay under {MaxMessageBytes}", nameof(message));
        }
        return body;
    }

    /// <summary>Parses a message; returns null and the reason when it is invalid.</summary>
    public static (StageMessage? Message, string Reason) Read(ReadOnlySpan<byte> body)
    {
        try
        {
            StageMessage message = JobJson.Read<StageMessage>(body);
            if (message.Version != StageMessage.CurrentVersion)
            {
                return (null, string.Create(CultureInfo.InvariantCulture, $"unknown version {message.Version}"));
            }
            return string.IsNullOrEmpty(message.Job) || string.IsNullOrEmpty(message.Stage) ? (null, "lacks a job or a stage") : (message, "");
        }
        catch (Exception fault) when (fault is JsonException or InvalidDataException)
        {
            return (null, $"cannot be parsed: {Begin(fault.Message)}");
        }
    }

    /// <summary>The properties of a stage message.</summary>
    public static BasicProperties Properties() => new() { Persistent = true, ContentType = "application/json", ContentEncoding = "utf-8" };

    /// <summary>The properties of a message that is moved to the dead-letter queue.</summary>
    public static BasicProperties DeadProperties(string queue, string reason) => new()
    {
        Persistent = true,
        Headers = new Dictionary<string, object?> { [QueueHeader] = queue, [ReasonHeader] = reason },
    };

    /// <summary>Reads a message of a dead-letter queue.</summary>
    public static DeadMessage ReadDead(string queue, IReadOnlyBasicProperties properties, ReadOnlySpan<byte> body)
    {
        IDictionary<string, object?>? headers = properties.Headers;
        // The broker writes the newest death first: that of the queue that dead-lettered the message.
        IDictionary<string, object?>? death = Find(headers, "x-death") is IList<object?> { Count: > 0 } deaths
            ? deaths[0] as IDictionary<string, object?>
            : null;
        return new DeadMessage(
            FindText(headers, QueueHeader) ?? FindText(death, "queue") ?? queue,
            // The last two headers are MassTransit's.
            FindText(headers, ReasonHeader) ?? FindText(death, "reason") ?? FindText(headers, "MT-Fault-Message") ?? FindText(headers, "MT-Reason")
                ?? "unknown",
            FindJob(body),
            // A character has at most four bytes, so the rest need not be decoded.
            Begin(Encoding.UTF8.GetString(body[..Math.Min(body.Length, LoggedCharacters * 4)])));
    }

    private static string Begin(string text) => text.Length <= LoggedCharacters ? text : text[..LoggedCharacters];

    private static object? Find(IDictionary<string, object?>? table, string name) =>
        table is not null && table.TryGetValue(name, out object? value) ? value : null;

    private static string? FindText(IDictionary<string, object?>? table, string name) => Find(table, name) switch
    {
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        string text => text,
        _ => null,
    };

    private static string? FindJob(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("job", out JsonElement job)
                && job.ValueKind == JsonValueKind.String
                && job.GetString() is { Length: > 0 } id ? id : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
