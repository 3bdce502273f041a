namespace Brownian.Diffusion.Guidance;

/// <summary>How a guided prediction advances a sample.</summary>
public enum GuidanceMethod
{
    /// <summary>Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).</summary>
    Cfg,

    /// <summary>CFG++ (Chung et al. 2024, arXiv 2406.08070): steps along the noise of the unconditional pass; scales are between 0 and 1.</summary>
    CfgPlusPlus,
}
