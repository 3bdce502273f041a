namespace Brownian.Models.Facts;

/// <summary>
/// The conversion of a VAE's latents to the latents that are denoised: <c>(latents - mean) / std * factor</c>, or <c>(latents - shift) * factor</c>,
/// with the values of the VAE's <c>config.json</c>.
/// </summary>
public sealed record LatentScaling
{
    /// <summary>The identity: for models that denoise pixels, and for latents that are scaled already.</summary>
    public static LatentScaling None { get; } = new() { Factor = 1 };

    /// <summary>The factor that latents are multiplied by.</summary>
    public required double Factor { get; init; }

    /// <summary>The value that is subtracted before the multiplication.</summary>
    public double Shift { get; init; }

    /// <summary><c>latents_mean</c>, one value per channel; null when the model has none.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary><c>latents_std</c>, one value per channel; null when the model has none.</summary>
    public IReadOnlyList<double>? Std { get; init; }

    /// <summary>Converts the VAE's latents to the latents that are denoised.</summary>
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

    /// <summary>
    /// Converts denoised latents to the latents that the VAE decodes. Divides instead of multiplying by the inverse, because the reference rounds
    /// once.
    /// </summary>
    /// <param name="latents">[channels, ...].</param>
    /// <param name="destination">Receives the result; has the same length.</param>
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
