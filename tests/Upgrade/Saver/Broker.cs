using System.Text.Json.Nodes;
using RabbitMQ.Client;

namespace Brownian.Upgrade.Saver;

/// <summary>Reads the messages that wait in a broker.</summary>
internal sealed class Broker : IAsyncDisposable
{
    private const string Prefix = "brownian.v1.";
    private const string Commands = Prefix + "commands";

    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private string _listener = "";

    private Broker(IConnection connection, IChannel channel)
    {
        (_connection, _channel) = (connection, channel);
    }

    public static async Task<Broker> ConnectAsync(Uri uri)
    {
        IConnection connection = await new ConnectionFactory { Uri = uri }.CreateConnectionAsync();
        return new Broker(connection, await connection.CreateChannelAsync());
    }

    /// <summary>Keeps the commands to workers from now on.</summary>
    public async Task ListenToCommandsAsync()
    {
        _listener = (await _channel.QueueDeclareAsync()).QueueName;
        await _channel.QueueBindAsync(_listener, Commands, "");
    }

    /// <summary>Writes down the next command.</summary>
    public async Task WriteCommandAsync(string file)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await timer.WaitForNextTickAsync(deadline.Token))
        {
            if (await _channel.BasicGetAsync(_listener, autoAck: true, deadline.Token) is { } got)
            {
                await SavedJson.WriteAsync(file, SavedMessage.Of(got));
                return;
            }
        }
    }

    /// <summary>Writes down the messages of all queues of stages.</summary>
    public async Task WriteMessagesAsync(string file)
    {
        var messages = new List<SavedMessage>();
        foreach (string queue in from kind in (string[])["text-encode", "denoise", "vae-decode", "vae-encode"]
                                 from model in SavedRequests.Models
                                 from priority in (string[])["interactive", "standard", "batch"]
                                 select $"{Prefix}{kind}.{model}.{priority}")
        {
            // A queue that does not exist closes the channel.
            await using IChannel channel = await _connection.CreateChannelAsync();
            try
            {
                while (await channel.BasicGetAsync(queue, autoAck: true) is { } got)
                {
                    messages.Add(SavedMessage.Of(got));
                }
            }
            catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
            {
                // No message was ever sent to it.
            }
        }
        await SavedJson.WriteAsync(file, messages);
    }

    /// <summary>
    /// Writes down the queues and exchanges of the version among the broker's definitions, so that the tests declare them with the same
    /// arguments: a broker keeps them while programs are replaced, and refuses others of the same name.
    /// </summary>
    /// <param name="definitions">The output of <c>rabbitmqctl export_definitions</c>.</param>
    /// <param name="file">The file to write.</param>
    public static async Task WriteDefinitionsAsync(string definitions, string file)
    {
        JsonObject all = JsonNode.Parse(await File.ReadAllTextAsync(definitions))!.AsObject();
        var own = new JsonObject();
        (string, string[])[] kinds = [("queues", ["name"]), ("exchanges", ["name"]), ("bindings", ["source", "destination"])];
        foreach ((string kind, string[] names) in kinds)
        {
            own[kind] = new JsonArray([.. all[kind]!.AsArray().Where(IsOwn).Select(entry => entry!.DeepClone())]);

            bool IsOwn(JsonNode? entry) => names.All(name => ((string)entry![name]!).StartsWith(Prefix, StringComparison.Ordinal));
        }
        await SavedJson.WriteAsync(file, own);
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
