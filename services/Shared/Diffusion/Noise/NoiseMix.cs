namespace Brownian.Diffusion.Noise;

/// <summary>
/// Interpolates between two noises along the arc instead of the chord, so that the result keeps the norm of noise: AUTOMATIC1111's variations
/// (<c>slerp</c> in stable-diffusion-webui's <c>modules/rng.py</c>), with a separate angle for each column of each channel.
/// </summary>
public static class NoiseMix
{
    /// <summary>The mean cosine above which the interpolation is linear.</summary>
    private const double Straight = 0.9995;

    /// <summary>Moves a noise towards another one.</summary>
    /// <param name="noise">[channels, height, width], changed in place.</param>
    /// <param name="other">The other noise; has the same length.</param>
    /// <param name="share">0 for the noise itself, 1 for the other one.</param>
    /// <param name="height">The number of rows.</param>
    /// <param name="width">The number of columns.</param>
    /// <exception cref="ArgumentException">The lengths differ, or are not multiples of the size.</exception>
    public static void Slerp(Span<float> noise, ReadOnlySpan<float> other, double share, int height, int width)
    {
        int plane = height * width;
        if (noise.Length != other.Length || plane == 0 || noise.Length % plane != 0)
        {
            throw new ArgumentException($"{noise.Length} and {other.Length} numbers; allowed: channels of {height}x{width}", nameof(other));
        }
        int columns = noise.Length / height;
        var cosines = new double[columns];
        for (int column = 0; column < columns; column++)
        {
            double dot = 0, own = 0, others = 0;
            for (int y = 0; y < height; y++)
            {
                int i = column / width * plane + y * width + column % width;
                dot += (double)noise[i] * other[i];
                own += (double)noise[i] * noise[i];
                others += (double)other[i] * other[i];
            }
            cosines[column] = own > 0 && others > 0 ? dot / Math.Sqrt(own * others) : 0;
        }
        bool isStraight = cosines.Average() > Straight;
        for (int column = 0; column < columns; column++)
        {
            double angle = Math.Acos(Math.Clamp(cosines[column], -1, 1)), sine = Math.Sin(angle);
            bool isChord = isStraight || sine < 1e-9;
            float first = (float)(isChord ? 1 - share : Math.Sin((1 - share) * angle) / sine),
            second = (float)(isChord ? share : Math.Sin(share * angle) / sine);
            for (int y = 0; y < height; y++)
            {
                int i = column / width * plane + y * width + column % width;
                noise[i] = first * noise[i] + second * other[i];
            }
        }
    }
}
