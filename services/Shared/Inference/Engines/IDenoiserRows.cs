namespace Brownian.Inference.Engines;

/// <summary>What a denoiser is given and gives for whole latents, row by row. A row is one image's pass.</summary>
internal interface IDenoiserRows
{
    /// <summary>Where a row's sample is written: [channels, height, width].</summary>
    Span<float> Input(int row);

    /// <summary>
    /// Where a row's prediction is read after the evaluation, [channels, height, width], with variances after it where the model predicts
    /// those; the caller may change it.
    /// </summary>
    Span<float> Output(int row);
}
