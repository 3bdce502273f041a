using System.IO.Compression;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.V1;
using RabbitMQ.Client;

namespace Brownian.Upgrade.Tests;

/// <summary>A cluster whose Redis has the saved records, and whose broker has the saved queues and messages.</summary>
public sealed class ClusterInstallation() : Installation("cluster")
{
    private RedisServer _redis = null!;
    private RabbitMqServer _rabbitMq = null!;

    internal Node Workers { get; private set; } = null!;

    /// <summary>The gateway's list of models before any of today's workers has announced one.</summary>
    internal ListModelsResponse ModelsBefore { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync(CancellationToken.None);
        await LoadAsync();
        _rabbitMq = await RabbitMqServer.StartAsync(CancellationToken.None);
        await DeclareAsync(Saved.Read<JsonNode>("definitions.json"));
        // Before any program starts: a gateway that finds a job without its message would send a second one.
        await PublishAsync(Saved.Read<SavedMessage[]>("messages.json"));
        string[] settings = [.. Settings, $"RabbitMq={_rabbitMq.Uri}", $"Redis={_redis.Configuration}", "AnswerSeconds=60"];
        Gateway = await Node.StartAsync(static platform => platform.AddGateway(), ServiceRole.Gateway, settings);
        ModelsBefore = await Gateway.Client.Models.ListAsync(new ListModelsRequest());
        Workers = await Node.StartAsync(Node.Workers, ServiceRole.Denoiser, settings);
    }

    public override async ValueTask DisposeAsync()
    {
        // After a failed start some are missing; its error must not be replaced by another.
        foreach (IAsyncDisposable? started in (IAsyncDisposable?[])[Workers, Gateway, _rabbitMq, _redis])
        {
            await (started?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    /// <summary>Publishes messages in the way of their senders.</summary>
    internal async Task PublishAsync(params IEnumerable<SavedMessage> messages)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = _rabbitMq.Uri }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        foreach (SavedMessage message in messages)
        {
            var properties = new BasicProperties
            {
                ContentType = message.ContentType,
                ContentEncoding = message.ContentEncoding,
                MessageId = message.MessageId,
                CorrelationId = message.CorrelationId,
                Persistent = message.Persistent,
                Headers = message.Headers.ToDictionary(header => header.Key, object? (header) => Encoding.UTF8.GetBytes(header.Value)),
            };
            // Throws if no queue accepts it.
            await channel.BasicPublishAsync(message.Exchange, message.RoutingKey, mandatory: true, properties, message.Body);
        }
    }

    /// <summary>
    /// Declares queues and exchanges with the arguments of the earlier version: a broker keeps them while programs are replaced, and
    /// refuses others under the same names.
    /// </summary>
    private async Task DeclareAsync(JsonNode definitions)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = _rabbitMq.Uri }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync();
        foreach (JsonNode exchange in All("exchanges"))
        {
            await channel.ExchangeDeclareAsync(
                (string)exchange["name"]!,
                (string)exchange["type"]!,
                (bool)exchange["durable"]!,
                (bool)exchange["auto_delete"]!,
                Arguments(exchange));
        }
        foreach (JsonNode queue in All("queues"))
        {
            await channel.QueueDeclareAsync(
                (string)queue["name"]!, (bool)queue["durable"]!, exclusive: false, (bool)queue["auto_delete"]!, Arguments(queue));
        }
        foreach (JsonNode binding in All("bindings"))
        {
            Assert.Equal("queue", (string)binding["destination_type"]!);
            await channel.QueueBindAsync(
                (string)binding["destination"]!, (string)binding["source"]!, (string)binding["routing_key"]!, Arguments(binding));
        }

        IEnumerable<JsonNode> All(string kind) => definitions[kind]!.AsArray().OfType<JsonNode>();

        static Dictionary<string, object?> Arguments(JsonNode node) => node["arguments"]!.AsObject().ToDictionary(
            argument => argument.Key,
            object? (argument) => argument.Value!.GetValueKind() == JsonValueKind.Number ? (long)argument.Value : (string?)argument.Value);
    }

    /// <summary>Sends the commands of the saved log of writes, which every version of Redis accepts.</summary>
    private async Task LoadAsync()
    {
        const string Last = "all-is-loaded";
        await using FileStream file = File.OpenRead(Saved.PathOf("redis.aof.gz"));
        await using var commands = new GZipStream(file, CompressionMode.Decompress);
        string[] address = _redis.Configuration.Split(':');
        using var client = new TcpClient();
        await client.ConnectAsync(address[0], int.Parse(address[1], CultureInfo.InvariantCulture));
        NetworkStream stream = client.GetStream();
        Task sending = SendAsync();
        using var reader = new StreamReader(stream, Encoding.Latin1);
        string? answer;
        do
        {
            answer = await reader.ReadLineAsync();
            Assert.False(answer is null || answer.StartsWith('-'), $"Redis answers {answer}");
        }
        while (answer != Last);
        await sending;

        async Task SendAsync()
        {
            await commands.CopyToAsync(stream);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"ECHO {Last}\r\n"));
        }
    }
}
