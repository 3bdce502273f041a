namespace Brownian.Inference.Engines;

/// <summary>
/// A guidance scale as the vector input of distilled models (<c>get_guidance_scale_embedding</c> of the reference's
/// <c>pipeline_latent_consistency_text2img.py</c>): sines, then cosines, of 1000 w at decreasing frequencies.
/// </summary>
internal static class GuidanceEmbedding
{
    /// <summary>Fills a vector.</summary>
    /// <param name="w">The guidance scale minus one.</param>
    /// <param name="vector">The vector, with the width of the model's input. The last element of an odd width is 0.</param>
    public static void Fill(double w, Span<float> vector)
    {
        int half = vector.Length / 2;
        float scaled = (float)w * 1000f, rate = MathF.Log(10_000f) / (half - 1);
        for (int i = 0; i < half; i++)
        {
            float angle = scaled * MathF.Exp(i * -rate);
            vector[i] = MathF.Sin(angle);
            vector[half + i] = MathF.Cos(angle);
        }
        vector[(2 * half)..].Clear();
    }
}
