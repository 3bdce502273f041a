using Brownian.Inference.Images;
using Brownian.Inference.Plans;

namespace Brownian.Inference.Stages;

/// <summary>Writes pictures as files. Input <c>pixels</c>, one a picture; the files are the job's artifacts.</summary>
public sealed class WriteRunner : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.Write;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        WriteSettings settings = StageSettings.Read<WriteSettings>(context.Stage);
        IReadOnlyList<StageValue> pixels = await context.InputAsync("pixels", cancellationToken).ConfigureAwait(false);
        for (int picture = 0; picture < pixels.Count; picture++)
        {
            PixelImage image = pixels[picture].ToImage();
            ulong seed = settings.Seeds[picture];
            byte[] bytes = ImageFile.Encode(image, settings.Output, settings.Parameters.For(seed));
            await context.AddArtifactAsync(new StageArtifact(picture, seed, image.Width, image.Height, ImageFile.MediaType(settings.Output.Format), bytes), cancellationToken)
                .ConfigureAwait(false);
        }
    }
}
