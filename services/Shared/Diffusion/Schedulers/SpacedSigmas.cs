using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Sigmas with their own spacing instead of those of spaced timesteps: the options <see cref="SchedulerOptions.SigmaSpacings"/>.</summary>
internal static class SpacedSigmas
{
    private static readonly string[] Options =
        ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas"];

    /// <summary>Returns whether the configuration selects Karras's, exponential or beta sigmas.</summary>
    public static bool AreRequested(SchedulerConfig config) =>
        config.HasFlag("use_karras_sigmas") || config.HasFlag("use_exponential_sigmas") || config.HasFlag("use_beta_sigmas");

    /// <summary>Rejects configurations that select two spacings.</summary>
    public static void RequireOne(SchedulerConfig config)
    {
        string[] set = [.. Options.Where(config.HasFlag)];
        if (set.Length > 1)
        {
            throw new FieldFaultException(new FieldFault("scheduler." + set[1], $"only one of {string.Join(", ", set)} can be used"));
        }
    }

    /// <summary>Returns the sigmas of the configured spacing, or null when none is configured.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="first">The first sigma.</param>
    /// <param name="last">The last sigma.</param>
    /// <param name="count">The number of sigmas.</param>
    /// <exception cref="FieldFaultException">The spacing is not defined between these sigmas.</exception>
    public static double[]? Create(SchedulerConfig config, double first, double last, int count)
    {
        if (!AreRequested(config))
        {
            return null;
        }
        if (!(first > 0 && last > 0))
        {
            throw new FieldFaultException("scheduler.sigma_min", Math.Min(first, last), "sigmas above 0 with Karras, exponential or beta sigmas");
        }
        return config.HasFlag("use_karras_sigmas") ? SigmaSpacing.Karras(last, first, count)
            : config.HasFlag("use_exponential_sigmas") ? SigmaSpacing.Exponential(last, first, count)
            : SigmaSpacing.Beta(last, first, count);
    }

    /// <summary>Rejects limits in the wrong order.</summary>
    /// <param name="smallest">The value of <c>sigma_min</c>, or from the noise schedule.</param>
    /// <param name="largest">The value of <c>sigma_max</c>, or from the noise schedule.</param>
    public static void RequireOrder(double smallest, double largest)
    {
        if (!(smallest <= largest))
        {
            throw new FieldFaultException(
                "scheduler.sigma_min", smallest, string.Create(CultureInfo.InvariantCulture, $"at most the largest sigma, {largest}"));
        }
    }
}
