using Brownian.Models.Facts;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>A VAE decoder alone, such as <c>AutoencoderTiny</c>. It decodes previews of other models' latents.</summary>
internal sealed class PreviewDecoder : StableDiffusionVariant
{
    /// <inheritdoc/>
    public override bool Covers(ModelFacts facts) => facts.IsDecoderOnly;

    /// <inheritdoc/>
    public override StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline) =>
        pipeline with { Name = "preview decoder", Tasks = [RequestTask.Preview] };
}
