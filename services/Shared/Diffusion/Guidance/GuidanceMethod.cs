namespace Brownian.Diffusion.Guidance;

/// <summary>How a guided prediction moves a sample on.</summary>
public enum GuidanceMethod
{
    /// <summary>Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).</summary>
    Cfg,

    /// <summary>CFG++ (Chung et al. 2024, arXiv 2406.08070): along the noise of the pass without the prompt; scales are between 0 and 1.</summary>
    CfgPlusPlus,
}
