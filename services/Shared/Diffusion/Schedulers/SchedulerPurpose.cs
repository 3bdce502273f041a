namespace Brownian.Diffusion.Schedulers;

/// <summary>The models that a scheduler class is for. A model of another kind gives noise or blurs with it.</summary>
public enum SchedulerPurpose
{
    /// <summary>Models that remove noise of a trained schedule: Stable Diffusion 1, 2 and XL, DeepFloyd IF.</summary>
    Diffusion,

    /// <summary>Models of rectified flows: Stable Diffusion 3, Flux.</summary>
    Flow,

    /// <summary>Models of flow maps.</summary>
    FlowMap,

    /// <summary>Models that were distilled to a few steps: latent and trajectory consistency. Others draw with them, too.</summary>
    Distilled,

    /// <summary>Consistency models, Song et al. 2023.</summary>
    Consistency,

    /// <summary>Models that are preconditioned by EDM, Karras et al. 2022.</summary>
    Edm,

    /// <summary>Models of scores on growing variances, Song et al. 2021.</summary>
    Score,

    /// <summary>Models with the schedule of v-diffusion, which the class computes itself.</summary>
    VDiffusion,

    /// <summary>unCLIP: its prior, decoder and super-resolution.</summary>
    Unclip,

    /// <summary>No image: they turn an image into its noise.</summary>
    Inversion,
}
