using Brownian.Formats.Images;
using Brownian.Hosting;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Engines;
using Brownian.Jobs.Access;
using Brownian.Jobs.Wire;
using Brownian.Requests;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;

namespace Brownian.VaeDecoder;

/// <summary>Decodes latents and encodes images over gRPC.</summary>
/// <param name="engines">The models of this process.</param>
/// <param name="gate">Limits concurrent calls.</param>
[Requires(Permission.Stages)]
public sealed class VaeService(IEngines engines, [FromKeyedServices("vae-decoder")] CallGate gate) : Vae.VaeBase
{
    /// <summary>The size of the largest request or response in bytes.</summary>
    public const int MaxMessageBytes = 256 << 20;

    /// <inheritdoc/>
    public override async Task<DecodeResponse> Decode(DecodeRequest request, ServerCallContext context)
    {
        Formats.Tensors.Tensor latents = WireTensors.ToTensor(request.Latents, "latents", 4);
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<IVaeDecoder> lease = await engines.VaeDecoderAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        return new DecodeResponse
        {
            Pixels = (await lease.Engine.DecodeAsync(latents, request.Tiled, context.CancellationToken, request.WithoutShift)).ToMessage()
        };
    }

    /// <inheritdoc/>
    public override async Task<EncodeImageResponse> Encode(EncodeImageRequest request, ServerCallContext context)
    {
        Formats.Tensors.Tensor image = request.Pixels?.DataType == DataType.Float32
            ? WireTensors.ToTensor(request.Pixels, "pixels", 4)
            : new VaePreparation(1).Prepare(WireTensors.ToImage(request.Pixels, "pixels"));
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<IVaeEncoder> lease = await engines.VaeEncoderAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        return new EncodeImageResponse { Latents = (await lease.Engine.EncodeAsync(image, request.Tiled, context.CancellationToken)).ToMessage() };
    }

    /// <inheritdoc/>
    public override async Task<UpscaleResponse> Upscale(UpscaleRequest request, ServerCallContext context)
    {
        PixelImage image = WireTensors.ToImage(request.Pixels, "pixels");
        (string Field, int Value, int Max)[] sizes =
            [("tile", request.Tile, GenerationRequest.MaxSide), ("tile_overlap", request.TileOverlap, GenerationRequest.MaxSide / 2)];
        FieldFault[] faults =
        [
            .. sizes.Where(size => size.Value < 0 || size.Value > size.Max).Select(size => FieldFault.Of(size.Field, size.Value, $"0..{size.Max}"))
        ];
        if (faults.Length > 0)
        {
            throw new FieldFaultException(faults);
        }
        using IDisposable slot = await gate.EnterAsync(context.CancellationToken);
        using EngineLease<IImageUpscaler> lease =
            await engines.ImageUpscalerAsync(request.Model, request.ModelFingerprint, context.CancellationToken);
        return new UpscaleResponse
        {
            Pixels = (await lease.Engine.UpscaleAsync(image, request.HasTile ? request.Tile : null, request.TileOverlap, context.CancellationToken))
                .ToMessage(),
        };
    }
}
