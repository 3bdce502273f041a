using CsCheck;

namespace Brownian.Scaling.Tests.Simulation;

/// <summary>Made-up traffic: stages of several sizes that arrive independently of each other, at a rate that changes.</summary>
internal static class Traffic
{
    private const double Hour = 3600;

    /// <summary>
    /// A day that is busiest in the afternoon, with a burst of ten minutes in every ninety, single stages in some hours of the night, and nothing in
    /// the others.
    /// </summary>
    /// <param name="seed">Determines the traffic.</param>
    /// <param name="busiest">The seconds of work that arrive in a second of the busiest hour, without bursts.</param>
    /// <param name="shapes">The stages that arrive, each as often as the others.</param>
    public static IReadOnlyList<Arrival> Day(ulong seed, double busiest, IReadOnlyList<WorkShape> shapes)
    {
        var random = new PCG(1, seed);
        double mean = shapes.Average(shape => shape.Seconds), highest = 1.6 * busiest / mean;
        var arrivals = new List<Arrival>();
        for (double time = Pause(); time < 24 * Hour; time += Pause())
        {
            double hour = time / Hour;
            double rate = hour is >= 6 and <= 22
                ? busiest * Math.Sin((hour - 6) / 16 * Math.PI) * ((int)(time / 600) % 9 == 4 ? 1.6 : 1)
                : (int)hour % 2 == 0 ? 0.02 : 0;
            // Thinning (Lewis and Shedler 1979) of a Poisson process with the highest rate.
            if (Share() < rate / mean / highest)
            {
                arrivals.Add(new Arrival(time, shapes[(int)random.Next((uint)shapes.Count)]));
            }
        }
        return arrivals;

        double Pause() => -Math.Log(1 - Share()) / highest;

        double Share() => (random.Next64() >> 11) * Math.Pow(2, -53);
    }
}

/// <summary>The shape of stages that arrive.</summary>
/// <param name="Pixels">Height times width of the latents.</param>
/// <param name="Units">The evaluations.</param>
/// <param name="UnitSeconds">The time of an evaluation.</param>
internal sealed record WorkShape(long Pixels, int Units, double UnitSeconds)
{
    /// <summary>How long a replica works on the stage.</summary>
    public double Seconds => Units * UnitSeconds;
}

/// <summary>A stage that arrives.</summary>
/// <param name="Time">When it arrives, in seconds.</param>
/// <param name="Shape">Its shape.</param>
internal sealed record Arrival(double Time, WorkShape Shape)
{
    /// <summary>How long a replica works on it.</summary>
    public double Seconds => Shape.Seconds;
}
