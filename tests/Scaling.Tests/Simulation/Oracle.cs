namespace Brownian.Scaling.Tests.Simulation;

/// <summary>
/// The fewest replica-seconds of any plan that knows the future, under the same rules: a replica serves after its load time; after replicas were
/// added none is removed for the time of stabilisation; the last one is removed after the cooldown without work; no stage waits longer than the
/// target. A lower bound, found by dynamic programming over steps of time, replicas that serve, the steps until one may be removed, and the backlog:
/// work may be divided between replicas at will, and is rounded down.
/// </summary>
internal static class Oracle
{
    private const long Impossible = long.MaxValue / 4;

    /// <summary>The unit of work in seconds.</summary>
    private const int Unit = 5;

    /// <summary>Returns the replica-seconds.</summary>
    /// <param name="arrivals">The stages in the order of their arrival.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="end">The end in seconds.</param>
    public static long Plan(IReadOnlyList<Arrival> arrivals, ScalingRules rules, int end)
    {
        int step = rules.SyncSeconds, steps = end / step, window = rules.TargetSeconds / step;
        int hold = Math.Max(0, (rules.StabilisationSeconds - rules.LoadSeconds) / step), cooldown = rules.CooldownSeconds / step;
        int[] total = Totals(arrivals, steps, step);
        int longest = (int)Math.Ceiling(arrivals.Max(arrival => arrival.Seconds) / Unit);
        int Recent(int k) => total[k] - total[Math.Max(0, k - window)];
        int peak = Enumerable.Range(0, steps + 1).Max(Recent);
        int most = Math.Min(rules.MaxReplicas, (peak * Unit / rules.TargetSeconds) + 4);
        int holds = Math.Max(hold, cooldown), backlogs = peak + (most * longest) + 1;

        // The least cost by replicas, steps until one may be removed, and backlog.
        long[,][] cost = New();
        cost[0, 0][0] = 0;
        for (int k = 1; k <= steps; k++)
        {
            long[,][] changed = New();
            Change(cost, changed);
            long[,][] next = New();
            int arrived = total[k] - total[k - 1];
            for (int replicas = 0; replicas <= most; replicas++)
            {
                int served = replicas * step / Unit, allowed = Math.Min(backlogs - 1, Recent(k) + (replicas * longest));
                for (int wait = 0; wait <= holds; wait++)
                {
                    long[] from = changed[replicas, wait];
                    for (int backlog = 0; backlog < backlogs; backlog++)
                    {
                        if (from[backlog] >= Impossible)
                        {
                            continue;
                        }
                        int left = Math.Max(0, backlog + arrived - served);
                        if (left > allowed)
                        {
                            break;
                        }
                        bool isActive = backlog + arrived > 0;
                        int later = replicas == 1 && isActive ? Math.Max(cooldown, wait - 1) : Math.Max(0, wait - 1);
                        ref long to = ref next[replicas, later][left];
                        to = Math.Min(to, from[backlog] + ((long)replicas * step));
                    }
                }
            }
            cost = next;
        }
        long least = Impossible;
        foreach (long[] row in cost)
        {
            least = Math.Min(least, row.Min());
        }
        return least;

        long[,][] New()
        {
            var table = new long[most + 1, holds + 1][];
            for (int replicas = 0; replicas <= most; replicas++)
            {
                for (int wait = 0; wait <= holds; wait++)
                {
                    table[replicas, wait] = new long[backlogs];
                    Array.Fill(table[replicas, wait], Impossible);
                }
            }
            return table;
        }

        // Keeps, adds or removes replicas. One that is added costs its load time before it serves.
        void Change(long[,][] before, long[,][] after)
        {
            var added = new long[backlogs];
            var removed = new long[backlogs];
            Array.Fill(added, Impossible);
            for (int replicas = 0; replicas <= most; replicas++)
            {
                for (int wait = 0; wait <= holds; wait++)
                {
                    before[replicas, wait].CopyTo(after[replicas, wait], 0);
                }
                Least(after[replicas, hold], added);
                for (int wait = 0; wait <= holds; wait++)
                {
                    Least(added, before[replicas, wait]);
                }
                for (int backlog = 0; backlog < backlogs; backlog++)
                {
                    added[backlog] += rules.LoadSeconds;
                }
            }
            Array.Fill(removed, Impossible);
            for (int replicas = most; replicas > 0; replicas--)
            {
                // Of several idle replicas all but one are removed as soon as possible, so that at most the hold has passed of the cooldown.
                Least(after[replicas, replicas == 1 ? Math.Max(0, cooldown - hold) : 0], removed);
                Least(removed, before[replicas, 0]);
            }
            // The last one is removed when there was no work for the cooldown.
            after[0, 0][0] = Math.Min(after[0, 0][0], before[Math.Min(1, most), 0][0]);
        }
    }

    private static void Least(long[] to, long[] from)
    {
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = Math.Min(to[i], from[i]);
        }
    }

    /// <summary>Returns the work that has arrived until the end of each step, in units.</summary>
    private static int[] Totals(IReadOnlyList<Arrival> arrivals, int steps, int step)
    {
        var sums = new double[steps + 1];
        foreach (Arrival arrival in arrivals)
        {
            sums[Math.Min(steps, (int)(arrival.Time / step) + 1)] += arrival.Seconds;
        }
        var total = new int[steps + 1];
        double sum = 0;
        for (int k = 0; k <= steps; k++)
        {
            sum += sums[k];
            total[k] = (int)(sum / Unit);
        }
        return total;
    }
}
