using System.Text;
using System.Text.Json.Nodes;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq;
using Brownian.Jobs.Records;
using Brownian.Tests.Programs;
using RabbitMQ.Client;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Messages of RabbitMQ's queues, and those of the queue of dead ones.</summary>
internal sealed class QueueMessageTarget : FuzzTarget
{
    public override int CasesPerSecond => 10_000;

    public override IReadOnlyList<string> Tokens =>
        ["version", "job", "stage", "attempt", "trace_parent", "\\ud800", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"];

    public override IEnumerable<FuzzInput> Seeds() =>
    [
        new FuzzInput("stage", RabbitMqMessages.Write((StageMessage)FilledContracts.Of(typeof(StageMessage)))),
        .. JsonNode.Parse(Repository.Read("tests", "Upgrade", "Data", "cluster", "messages.json"))!.AsArray()
            .Select(message => new FuzzInput("stage", Convert.FromBase64String((string)message!["body"]!))),
    ];

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Json;

    public override void Run(FuzzInput input)
    {
        var headers = new Dictionary<string, object?>
        {
            ["x-death"] = new List<object?> { new Dictionary<string,
            object?> { ["queue"] = input.Bytes } },
            ["brownian-reason"] = input.Bytes
        };
        RabbitMqMessages.ReadDead("queue", new BasicProperties { Headers = headers }, input.Bytes);
        (StageMessage? message, string reason) = RabbitMqMessages.Read(input.Bytes);
        if (message is null)
        {
            throw new InvalidDataException(reason);
        }
        JobDefinition.TimeOf(message.Job);
        Encoding.UTF8.GetBytes(message.Stage);
    }

    // The reader returns the reason.
    public override bool IsDocumented(Exception exception) => exception is InvalidDataException;
}
