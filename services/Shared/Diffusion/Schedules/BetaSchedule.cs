using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedules;

/// <summary>The variances β_t that a model was trained with, t = 0 .. T-1, in float32.</summary>
internal static class BetaSchedule
{
    /// <summary>Returns β for the schedule's name in <c>scheduler_config.json</c>.</summary>
    /// <param name="name"><c>linear</c>, <c>scaled_linear</c>, <c>squaredcos_cap_v2</c>, <c>sigmoid</c>, <c>laplace</c> or <c>exp</c>.</param>
    /// <param name="start">β_0; linear, scaled_linear and sigmoid use it.</param>
    /// <param name="end">β_(T-1); linear, scaled_linear and sigmoid use it.</param>
    /// <param name="count">T, the number of training timesteps.</param>
    public static float[] Create(string name, double start, double end, int count) => name switch
    {
        "linear" => Linspace.Torch((float)start, (float)end, count),
        "scaled_linear" => ScaledLinear(start, end, count),
        "squaredcos_cap_v2" => FromAlphaBar(SquaredCosine, count),
        "sigmoid" => Sigmoid(start, end, count),
        "laplace" => FromAlphaBar(Laplace, count),
        "exp" => FromAlphaBar(t => Math.Exp(t * -12), count),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Unknown noise schedule"),
    };

    /// <summary>Shifts and scales a schedule so that its last timestep is pure noise (Lin et al. 2023, arXiv 2305.08891, algorithm 1).</summary>
    /// <param name="betas">β; not changed.</param>
    public static float[] RescaleZeroTerminalSnr(ReadOnlySpan<float> betas)
    {
        float[] root = AlphasCumulative(betas);
        for (int i = 0; i < root.Length; i++)
        {
            root[i] = MklSquareRoot.Of(root[i]);
        }
        float first = root[0], last = root[^1];
        float scale = first / (first - last);
        var rescaled = new float[root.Length];
        float previous = 1;
        for (int i = 0; i < root.Length; i++)
        {
            float shifted = (root[i] - last) * scale;
            float cumulative = shifted * shifted;
            rescaled[i] = i == 0 ? 1 - cumulative : 1 - cumulative / previous;
            previous = cumulative;
        }
        return rescaled;
    }

    /// <summary>ᾱ_t = Π (1 - β_i): multiplied in float64 and stored in float32, as <c>torch.cumprod</c> does on a CPU.</summary>
    /// <param name="betas">β.</param>
    public static float[] AlphasCumulative(ReadOnlySpan<float> betas)
    {
        var cumulative = new float[betas.Length];
        double product = 1;
        for (int i = 0; i < betas.Length; i++)
        {
            product *= 1f - betas[i];
            cumulative[i] = (float)product;
        }
        return cumulative;
    }

    private static float[] ScaledLinear(double start, double end, int count)
    {
        float[] betas = Linspace.Torch((float)Math.Sqrt(start), (float)Math.Sqrt(end), count);
        for (int i = 0; i < count; i++)
        {
            betas[i] *= betas[i];
        }
        return betas;
    }

    /// <summary>β_t = 1 - ᾱ(t + 1) / ᾱ(t), capped at 0.999, from ᾱ as a function of t / T.</summary>
    private static float[] FromAlphaBar(Func<double, double> alphaBar, int count)
    {
        var betas = new float[count];
        for (int i = 0; i < count; i++)
        {
            betas[i] = (float)Math.Min(1 - alphaBar((double)(i + 1) / count) / alphaBar((double)i / count), 0.999);
        }
        return betas;
    }

    /// <summary>Nichol and Dhariwal 2021, arXiv 2102.09672, equation 17.</summary>
    private static double SquaredCosine(double t)
    {
        double cosine = Math.Cos((t + 0.008) / 1.008 * Math.PI / 2);
        return cosine * cosine;
    }

    /// <summary>ln SNR distributed as Laplace (Hang et al. 2024, arXiv 2407.03297, table 1).</summary>
    private static double Laplace(double t)
    {
        double lambda = -0.5 * Math.CopySign(1, 0.5 - t) * Math.Log(1 - 2 * Math.Abs(0.5 - t) + 1e-6);
        double snr = Math.Exp(lambda);
        return Math.Sqrt(snr / (1 + snr));
    }

    private static float[] Sigmoid(double start, double end, int count)
    {
        float[] betas = Linspace.Torch(-6, 6, count);
        for (int i = 0; i < count; i++)
        {
            betas[i] = 1 / (1 + MathF.Exp(-betas[i])) * (float)(end - start) + (float)start;
        }
        return betas;
    }
}
