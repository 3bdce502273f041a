using Brownian.Inference.Engines;
using Brownian.Inference.Requests;
using Brownian.Platform.Wire;
using Brownian.Platform.Workers;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.TextEncoder;

/// <summary>Encodes prompts by gRPC.</summary>
/// <param name="engines">The models of this process.</param>
/// <param name="gate">How many calls at once.</param>
public sealed class TextEncoderService(IEngines engines, [FromKeyedServices("text-encoder")] CallGate gate) : V1.TextEncoder.TextEncoderBase
{
    /// <inheritdoc/>
    public override async Task<EncodeTextResponse> Encode(EncodeTextRequest request, ServerCallContext context)
    {
        if (request.Prompt.Length > GenerationRequest.LongestPrompt)
        {
            throw new FieldFaultException(new FieldFault("prompt", string.Create(
                CultureInfo.InvariantCulture, $"has {request.Prompt.Length} characters; allowed: up to {GenerationRequest.LongestPrompt}")));
        }
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        TextEncoding encoding = await lease.Engine.EncodeAsync(request.Prompt, context.CancellationToken);
        var response = new EncodeTextResponse { Embedding = encoding.Embedding.ToMessage(), Cut = encoding.Cut ?? "" };
        response.TokenIds.Add(encoding.TokenIds);
        return response;
    }
}
