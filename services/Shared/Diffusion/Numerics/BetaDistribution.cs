namespace Brownian.Diffusion.Numerics;

/// <summary>The quantile function of the beta distribution, for the "beta" sigma spacing (Lee et al. 2024, arXiv 2407.12173).</summary>
internal static class BetaDistribution
{
    /// <summary>Returns the x in 0..1 with I_x(a, b) = p, with an error of about 1e-14.</summary>
    /// <param name="p">0..1.</param>
    /// <param name="a">Above 0.</param>
    /// <param name="b">Above 0.</param>
    public static double Quantile(double p, double a, double b)
    {
        if (p <= 0)
        {
            return 0;
        }
        if (p >= 1)
        {
            return 1;
        }
        double logBeta = LogGamma(a) + LogGamma(b) - LogGamma(a + b);
        double low = 0, high = 1, x = 0.5;
        for (int i = 0; i < 200; i++)
        {
            double error = RegularisedIncomplete(x, a, b, logBeta) - p;
            if (error > 0)
            {
                high = x;
            }
            else
            {
                low = x;
            }
            double density = Math.Exp((a - 1) * Math.Log(x) + (b - 1) * Math.Log(1 - x) - logBeta);
            double next = x - error / density;
            // Newton's step when it stays inside the bracket, bisection otherwise.
            if (!(next > low && next < high))
            {
                next = (low + high) / 2;
            }
            if (Math.Abs(next - x) <= 1e-16 * Math.Abs(next))
            {
                return next;
            }
            x = next;
        }
        return x;
    }

    /// <summary>Returns I_x(a, b) by the continued fraction DLMF 8.17.22, with the modified Lentz method.</summary>
    private static double RegularisedIncomplete(double x, double a, double b, double logBeta)
    {
        if (x > (a + 1) / (a + b + 2))
        {
            return 1 - RegularisedIncomplete(1 - x, b, a, logBeta);
        }
        const double Tiny = 1e-300;
        double front = Math.Exp(a * Math.Log(x) + b * Math.Log(1 - x) - logBeta) / a;
        double c = 1, d = 1 - (a + b) * x / (a + 1);
        d = 1 / (Math.Abs(d) < Tiny ? Tiny : d);
        double fraction = d;
        for (int m = 1; m < 1000; m++)
        {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            foreach (double numerator in (ReadOnlySpan<double>)[even, odd])
            {
                d = 1 + numerator * d;
                d = 1 / (Math.Abs(d) < Tiny ? Tiny : d);
                c = 1 + numerator / c;
                c = Math.Abs(c) < Tiny ? Tiny : c;
                fraction *= d * c;
            }
            if (Math.Abs(d * c - 1) < 1e-16)
            {
                break;
            }
        }
        return front * fraction;
    }

    /// <summary>Returns ln Γ(x) for x above 0: Stirling's series after shifting x above 15 (DLMF 5.11.1).</summary>
    private static double LogGamma(double x)
    {
        double shift = 0;
        while (x < 15)
        {
            shift -= Math.Log(x);
            x++;
        }
        double inverse = 1 / x;
        double square = inverse * inverse;
        double series = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square / 1188))));
        return shift + (x - 0.5) * Math.Log(x) - x + Math.Log(2 * Math.PI) / 2 + series;
    }
}
