using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedules;

/// <summary>Spacings of sigmas from the largest to the smallest, in float64.</summary>
internal static class SigmaSpacing
{
    /// <summary>Karras et al. 2022, arXiv 2206.00364, equation 5.</summary>
    public static double[] Karras(double sigmaMin, double sigmaMax, int count, double rho = 7)
    {
        double low = Math.Pow(sigmaMin, 1 / rho), high = Math.Pow(sigmaMax, 1 / rho);
        double[] sigmas = Linspace.Numpy(0, 1, count);
        for (int i = 0; i < count; i++)
        {
            sigmas[i] = Math.Pow(high + sigmas[i] * (low - high), rho);
        }
        return sigmas;
    }

    /// <summary>Evenly spaced logarithms.</summary>
    public static double[] Exponential(double sigmaMin, double sigmaMax, int count)
    {
        double[] sigmas = Linspace.Numpy(Math.Log(sigmaMax), Math.Log(sigmaMin), count);
        for (int i = 0; i < count; i++)
        {
            sigmas[i] = Math.Exp(sigmas[i]);
        }
        return sigmas;
    }

    /// <summary>Evenly spaced logarithms, from logarithms (Lu et al. 2022, arXiv 2211.01095, section 4 with ρ = 1).</summary>
    public static double[] Lu(double logSigmaMin, double logSigmaMax, int count)
    {
        double[] sigmas = Linspace.Numpy(0, 1, count);
        for (int i = 0; i < count; i++)
        {
            sigmas[i] = Math.Exp(logSigmaMax + sigmas[i] * (logSigmaMin - logSigmaMax));
        }
        return sigmas;
    }

    /// <summary>Quantiles of a beta distribution (Lee et al. 2024, arXiv 2407.12173).</summary>
    public static double[] Beta(double sigmaMin, double sigmaMax, int count, double alpha = 0.6, double beta = 0.6)
    {
        double[] sigmas = Linspace.Numpy(0, 1, count);
        for (int i = 0; i < count; i++)
        {
            sigmas[i] = sigmaMin + BetaDistribution.Quantile(1 - sigmas[i], alpha, beta) * (sigmaMax - sigmaMin);
        }
        return sigmas;
    }
}
