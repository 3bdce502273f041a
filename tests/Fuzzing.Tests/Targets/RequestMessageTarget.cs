using System.Text;
using Brownian.Diffusion.Faults;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Gateway.Requests;
using Brownian.Requests;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>GenerateRequest as gRPC delivers it, up to the plan.</summary>
internal sealed class RequestMessageTarget : FuzzTarget
{
    private readonly RequestResolution _resolution = new();

    public override int CasesPerSecond => 1000;

    public override IReadOnlyList<string> Tokens => RequestSeeds.Tokens;

    public override bool AcceptsAllSeeds => false;

    public override IEnumerable<FuzzInput> Seeds()
    {
        foreach (string json in RequestSeeds.Json)
        {
            GenerateRequest message;
            try
            {
                message = RequestMessage.Read(RequestJson.Parse(Encoding.UTF8.GetBytes(json)), RequestResolution.Now);
            }
            catch (FieldFaultException)
            {
                // A case of the reference with a field that requests do not have.
                continue;
            }
            yield return new FuzzInput("GenerateRequest", message.ToByteArray());
        }
        yield return new FuzzInput("GenerateRequest",
            new GenerateRequest { Prompt = "a", Deadline = new Timestamp { Seconds = long.MaxValue, Nanos = -1 } }.ToByteArray());
    }

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Wire;

    public override void Run(FuzzInput input)
    {
        GenerateRequest message = GenerateRequest.Parser.ParseFrom(input.Bytes);
        var faults = new List<FieldFault>();
        _resolution.Run(RequestMessages.Read(message, RequestResolution.Now, faults), faults);
    }

    public override bool IsDocumented(Exception exception) => exception is FieldFaultException or InvalidProtocolBufferException;
}
