namespace Brownian.Inference.Engines;

/// <summary>The inputs and outputs of a denoiser for whole latents, row by row. A row is one pass of one image.</summary>
internal interface IDenoiserRows
{
    /// <summary>Returns the buffer of a row's sample: [channels, height, width].</summary>
    Span<float> Input(int row);

    /// <summary>
    /// Returns a row's prediction after the evaluation, [channels, height, width], followed by variances when the model predicts them. The caller may
    /// change it.
    /// </summary>
    Span<float> Output(int row);
}
