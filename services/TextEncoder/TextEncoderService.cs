using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Images;
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

    /// <summary>As of the requests' <c>max_sequence_length</c>.</summary>
    private const int MostWindow = 4096;

    /// <inheritdoc/>
    public override async Task<EncodeTextResponse> Encode(EncodeTextRequest request, ServerCallContext context)
    {
        FieldFault[] faults =
        [
            .. new[] { (Field: "prompt", Text: request.Prompt), (Field: "prompt_2", Text: request.Prompt2), (Field: "prompt_3", Text: request.Prompt3) }
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
        if (request.Window is < 0 or > MostWindow)
        {
            faults = [.. faults, FieldFault.Of("window", request.Window, $"0..{MostWindow}")];
        }
        if (faults.Length > 0)
        {
            throw new FieldFaultException(faults);
        }
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(
            request.Model, request.ModelFingerprint, WireJson.ReadOrNull<AdapterReferences>(request.AdaptersJson, "adapters_json"), context.CancellationToken);
        var prompt = new TextPrompt
        {
            Text = request.Prompt,
            Second = request.HasPrompt2 ? request.Prompt2 : null,
            Third = request.HasPrompt3 ? request.Prompt3 : null,
            Window = request.Window == 0 ? null : request.Window,
            ClipSkip = request.ClipSkip,
            Syntax = request.PromptSyntax == "a1111" ? PromptSyntax.A1111 : PromptSyntax.Plain,
            IsLong = request.LongPrompt,
            Chunks = Math.Max(1, request.Chunks),
        };
        TextEncoding encoding = await lease.Engine.EncodeAsync(prompt, context.CancellationToken);
        var response = new EncodeTextResponse
        {
            Embedding = encoding.Features.Embedding.ToMessage(),
            Pooled = encoding.Features.Pooled?.ToMessage(),
            Cut = encoding.Prompt.Cut ?? "",
            Chunks = encoding.Prompt.Chunks,
            Mask = encoding.Features.Mask?.ToMessage(),
            Window = encoding.Prompt.Window ?? 0,
        };
        response.TokenIds.Add(encoding.Prompt.Ids[0]);
        if (encoding.Prompt.Ids.Count > 1)
        {
            response.SecondTokenIds.Add(encoding.Prompt.Ids[1]);
        }
        if (encoding.Prompt.Ids.Count > 2)
        {
            response.ThirdTokenIds.Add(encoding.Prompt.Ids[2]);
        }
        return response;
    }

    /// <inheritdoc/>
    public override async Task<EncodePictureResponse> EncodePicture(EncodePictureRequest request, ServerCallContext context)
    {
        PixelImage picture = WireTensors.ToImage(request.Pixels, "pixels");
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<IImageEncoder> lease = await engines.ImageEncoderAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        return new EncodePictureResponse { Embedding = (await lease.Engine.EncodeAsync(picture, context.CancellationToken)).ToMessage() };
    }

    /// <inheritdoc/>
    public override async Task<ProjectResponse> Project(ProjectRequest request, ServerCallContext context)
    {
        var text = new TextFeatures(
            WireTensors.ToTensor(request.Embedding, "embedding", 3), WireTensors.ToTensor(request.Pooled, "pooled", 2), WireTensors.ToTensor(request.Mask, "mask", 2));
        Inference.Tensors.Tensor? image = request.Image is null ? null : WireTensors.ToTensor(request.Image, "image", 2);
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextProjection> lease = await engines.TextProjectionAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        TextFeatures projected = await lease.Engine.ProjectAsync(text, image, request.IsPriors, context.CancellationToken);
        return new ProjectResponse { Embedding = projected.Embedding.ToMessage(), Pooled = projected.Pooled!.ToMessage(), Mask = projected.Mask!.ToMessage() };
    }
}
