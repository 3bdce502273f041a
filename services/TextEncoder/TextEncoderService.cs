using Brownian.Formats.Images;
using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Jobs.Access;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.Requests.References;
using Brownian.V1;
using Brownian.Workers;
using Brownian.Workers.Wire;
using Grpc.Core;

namespace Brownian.TextEncoder;

/// <summary>Encodes prompts over gRPC.</summary>
/// <param name="engines">The models of this process.</param>
/// <param name="gate">Limits concurrent calls.</param>
[Requires(Permission.Stages)]
public sealed class TextEncoderService(IEngines engines, [FromKeyedServices("text-encoder")] CallGate gate) : V1.TextEncoder.TextEncoderBase
{
    /// <inheritdoc/>
    public override async Task<EncodeTextResponse> Encode(EncodeTextRequest request, ServerCallContext context)
    {
        TextPrompt prompt = TextMessages.ToPrompt(request);
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextEncoder> lease = await engines.TextEncoderAsync(
            request.Model, request.ModelFingerprint, WireJson.ReadOrNull<AdapterReferences>(request.AdaptersJson, "adapters_json"),
            context.CancellationToken);
        return TextMessages.ToMessage(await lease.Engine.EncodeAsync(prompt, context.CancellationToken));
    }

    /// <inheritdoc/>
    public override async Task<EncodePictureResponse> EncodePicture(EncodePictureRequest request, ServerCallContext context)
    {
        PixelImage image = WireTensors.ToImage(request.Pixels, "pixels");
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<IImageEncoder> lease = await engines.ImageEncoderAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        return new EncodePictureResponse { Embedding = (await lease.Engine.EncodeAsync(image, context.CancellationToken)).ToMessage() };
    }

    /// <inheritdoc/>
    public override async Task<ProjectResponse> Project(ProjectRequest request, ServerCallContext context)
    {
        var text = new TextFeatures(
            WireTensors.ToTensor(request.Embedding, "embedding", 3), WireTensors.ToTensor(request.Pooled, "pooled", 2),
            WireTensors.ToTensor(request.Mask, "mask", 2));
        Formats.Tensors.Tensor? image = request.Image is null ? null : WireTensors.ToTensor(request.Image, "image", 2);
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<ITextProjection> lease =
            await engines.TextProjectionAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        TextFeatures projected = await lease.Engine.ProjectAsync(text, image, request.IsPriors, context.CancellationToken);
        return new ProjectResponse
        {
            Embedding = projected.Embedding.ToMessage(),
            Pooled = projected.Pooled!.ToMessage(),
            Mask = projected.Mask!.ToMessage()
        };
    }
}
