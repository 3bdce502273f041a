using System.Globalization;
using Brownian.Contracts;
using Brownian.EventConsumer;
using MassTransit;

// EventConsumer BROKER [KEY]: prints the events whose routing key (MODEL.STATE) matches KEY, or all events without KEY, until Ctrl-C.
if (args is not [string broker, .. { Length: <= 1 } rest] || !Uri.TryCreate(broker, UriKind.Absolute, out Uri? uri))
{
    await Console.Error.WriteLineAsync("usage: EventConsumer amqp://USER:PASSWORD@HOST:PORT/ [KEY, for example \"*.failed\"]");
    return 2;
}
string key = rest is [string given] ? given : "#";
var seen = new SeenEvents(10_000);
IBusControl bus = Bus.Factory.CreateUsingRabbitMq(configure =>
{
    configure.Host(uri);
    // Events are plain JSON; by default MassTransit reads only its own envelope.
    configure.UseRawJsonDeserializer();
    configure.ReceiveEndpoint("brownian-event-consumer", endpoint =>
    {
        // The exchanges are those of the cluster, not those that MassTransit would name after the types.
        endpoint.ConfigureConsumeTopology = false;
        foreach (string exchange in (string[])[EventExchanges.JobAccepted, EventExchanges.JobStarted, EventExchanges.JobEnded])
        {
            endpoint.Bind(exchange, binding => (binding.ExchangeType, binding.RoutingKey) = ("topic", key));
        }
        endpoint.Handler<JobAccepted>(context => PrintAsync(context.Message.EventId, context.Message.Created, context.Message.Model));
        endpoint.Handler<JobStarted>(context => PrintAsync(context.Message.EventId, context.Message.Started, context.Message.Model));
        endpoint.Handler<JobEnded>(context => PrintAsync(
            context.Message.EventId,
            context.Message.Ended,
            $"{context.Message.Model} {context.Message.State} {context.Message.Error?.Message}",
            context.Message.Artifacts.Select(
                artifact => $"{artifact.Id} {artifact.MediaType} {artifact.Width}x{artifact.Height} seed {artifact.Seed}")));
    });
});
var stop = new TaskCompletionSource();
Console.CancelKeyPress += (_, press) => press.Cancel = stop.TrySetResult();
await bus.StartAsync();
await stop.Task;
await bus.StopAsync();
return 0;

Task PrintAsync(string id, DateTimeOffset time, string what, params IEnumerable<string> artifacts)
{
    // At-least-once delivery: the same event may arrive again, also long after the first time.
    if (seen.Add(id))
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time:HH:mm:ss.fff} {id} {what.TrimEnd()}"));
        foreach (string artifact in artifacts)
        {
            Console.WriteLine($"             {artifact}");
        }
    }
    return Task.CompletedTask;
}
