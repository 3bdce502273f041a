namespace Brownian.Models.Facts;

/// <summary>
/// How a VAE's own latents become the ones that are denoised: <c>(latents - mean) / std * factor</c>, or <c>(latents - shift) * factor</c>, as
/// the VAE's <c>config.json</c> says them.
/// </summary>
public sealed record LatentScaling
{
    /// <summary>Of models that denoise pixels, and of latents that are scaled already.</summary>
    public static LatentScaling None { get; } = new() { Factor = 1 };

    /// <summary>What latents are multiplied with.</summary>
    public required double Factor { get; init; }

    /// <summary>What is taken away before.</summary>
    public double Shift { get; init; }

    /// <summary><c>latents_mean</c>, one a channel; null where the model has none.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary><c>latents_std</c>, one a channel; null where the model has none.</summary>
    public IReadOnlyList<double>? Std { get; init; }

    /// <summary>Latents of the VAE as they are denoised.</summary>
    /// <param name="latents">[channels, ...], changed in place.</param>
    public void Scale(Span<float> latents)
    {
        if (Mean is not null && Std is not null)
        {
            int length = latents.Length / Mean.Count;
            for (int i = 0; i < latents.Length; i++)
            {
                latents[i] = (latents[i] - (float)Mean[i / length]) * (float)Factor / (float)Std[i / length];
            }
            return;
        }
        for (int i = 0; i < latents.Length; i++)
        {
            latents[i] = (latents[i] - (float)Shift) * (float)Factor;
        }
    }

    /// <summary>Latents as the VAE decodes them. Divided, not multiplied with the inverse: the reference rounds once.</summary>
    /// <param name="latents">[channels, ...].</param>
    /// <param name="destination">As long.</param>
    public void Unscale(ReadOnlySpan<float> latents, Span<float> destination)
    {
        int length = Mean is null ? latents.Length : latents.Length / Mean.Count;
        for (int i = 0; i < latents.Length; i++)
        {
            destination[i] = Mean is not null && Std is not null
                ? latents[i] * (float)Std[i / length] / (float)Factor + (float)Mean[i / length]
                : latents[i] / (float)Factor + (float)Shift;
        }
    }
}
