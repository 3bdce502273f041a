using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Gateway.Requests;
using Brownian.Requests;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Bodies of JSON submissions and request files, up to the plan.</summary>
internal sealed class RequestJsonTarget : FuzzTarget
{
    private readonly RequestResolution _resolution = new();

    public override int CasesPerSecond => 2000;

    public override IReadOnlyList<string> Tokens => RequestSeeds.Tokens;

    // Not every request of the reference's cases is one for a gateway without engines.
    public override bool AcceptsAllSeeds => false;

    public override IEnumerable<FuzzInput> Seeds() => SeedFiles.Texts("request", RequestSeeds.Json);

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Json;

    public override void Run(FuzzInput input)
    {
        JsonObject json = RequestJson.Parse(input.Bytes);
        V1.GenerateRequest message = RequestMessage.Read(json, RequestResolution.Now);
        var faults = new List<FieldFault>();
        _resolution.Run(RequestMessages.Read(message, RequestResolution.Now, faults), faults);
    }

    public override bool IsDocumented(Exception exception) => exception is FieldFaultException;
}
