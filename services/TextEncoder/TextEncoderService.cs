using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Prompts;
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
    /// <summary>More than the longest prompt comes to.</summary>
    private const int MostChunks = 1000;

    /// <inheritdoc/>
    public override async Task<EncodeTextResponse> Encode(EncodeTextRequest request, ServerCallContext context)
    {
        FieldFault[] faults =
        [
            .. new[] { (Field: "prompt", Text: request.Prompt), (Field: "prompt_2", Text: request.Prompt2) }
                .Where(prompt => prompt.Text.Length > GenerationRequest.LongestPrompt)
                .Select(prompt => new FieldFault(prompt.Field, string.Create(
                    CultureInfo.InvariantCulture, $"has {prompt.Text.Length} characters; allowed: up to {GenerationRequest.LongestPrompt}"))),
        ];
        if (request.PromptSyntax is not ("" or "plain" or "a1111"))
        {
            faults = [.. faults, FieldFault.Of("prompt_syntax", request.PromptSyntax, "plain, a1111")];
        }
        if (request.Chunks is < 0 or > MostChunks)
        {
            faults = [.. faults, FieldFault.Of("chunks", request.Chunks, $"0..{MostChunks}")];
        }
        if (faults.Length > 0)
        {
            throw new FieldFaultException(faults);
        }
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(
            request.Model, request.ModelFingerprint, WireJson.ReadOrNull<AdapterReferences>(request.AdaptersJson, "adapters_json"), context.CancellationToken);
        var prompt = new TextPrompt { Text = request.Prompt, Second = request.HasPrompt2 ? request.Prompt2 : null, ClipSkip = request.ClipSkip, Syntax = request.PromptSyntax == "a1111" ? PromptSyntax.A1111 : PromptSyntax.Plain, IsLong = request.LongPrompt, Chunks = Math.Max(1, request.Chunks) };
        TextEncoding encoding = await lease.Engine.EncodeAsync(prompt, context.CancellationToken);
        var response = new EncodeTextResponse
        {
            Embedding = encoding.Features.Embedding.ToMessage(),
            Pooled = encoding.Features.Pooled?.ToMessage(),
            Cut = encoding.Prompt.Cut ?? "",
            Chunks = encoding.Prompt.Chunks,
        };
        response.TokenIds.Add(encoding.Prompt.Ids[0]);
        if (encoding.Prompt.Ids.Count > 1)
        {
            response.SecondTokenIds.Add(encoding.Prompt.Ids[1]);
        }
        return response;
    }
}
