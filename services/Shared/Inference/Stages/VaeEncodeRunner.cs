using Brownian.Inference.Engines;
using Brownian.Inference.Plans;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>Encodes pictures. Input <c>pixels</c> ([height, width, 3], bytes), output <c>moments</c> as <see cref="IVaeEncoder"/> gives them, one a picture each.</summary>
/// <param name="engines">Where encoders are.</param>
public sealed class VaeEncodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.VaeEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<StageValue> pixels = await context.InputAsync("pixels", cancellationToken).ConfigureAwait(false);
        using EngineLease<IVaeEncoder> lease =
            await engines.VaeEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        for (int picture = context.Kept("moments"); picture < pixels.Count; picture++)
        {
            if (context.ReturnsSoon && picture > 0)
            {
                throw new StageReturnedException();
            }
            Tensor moments = await lease.Engine.EncodeAsync(pixels[picture].ToImage(), cancellationToken).ConfigureAwait(false);
            await context.KeepAsync("moments", StageValue.From(moments), cancellationToken).ConfigureAwait(false);
        }
    }
}
