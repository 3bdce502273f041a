namespace Brownian.Inference.Engines;

/// <summary>Runs that are denoised together, and the selection of the runs for the next evaluation.</summary>
/// <param name="runs">At least one run; all of one size.</param>
/// <param name="sharesTimestep">Whether all members must be at the same timestep.</param>
internal sealed class DenoiseBatch(IReadOnlyList<DenoiseRun> runs, bool sharesTimestep)
{
    private readonly List<int> _rows = new(runs.Count);

    /// <summary>The runs of the next evaluation, in order.</summary>
    public List<DenoiseRun> Members { get; } = new(runs.Count);

    /// <summary>The number of rows that the members take.</summary>
    public int Rows { get; private set; }

    /// <summary>
    /// A unique object for the current members of this batch, by which a binding remembers whose embeddings its rows contain without holding them.
    /// </summary>
    public object Identity { get; private set; } = new();

    /// <summary>Whether the prompts of a member may have changed since the previous evaluation.</summary>
    public bool ChangesConditions { get; private set; }

    /// <summary>Whether all runs are done.</summary>
    public bool IsDone
    {
        get
        {
            for (int i = 0; i < runs.Count; i++)
            {
                if (!runs[i].IsDone)
                {
                    return false;
                }
            }
            return true;
        }
    }

    /// <summary>Selects the members of the next evaluation. Allocates nothing while the members stay the same.</summary>
    public void Gather()
    {
        if (IsGathered())
        {
            return;
        }
        DenoiseRun first = runs.First(run => !run.IsDone);
        Members.Clear();
        Members.AddRange(runs.Where(run => Belongs(run, first)));
        _rows.Clear();
        _rows.AddRange(Members.Select(member => member.Rows));
        Rows = _rows.Sum();
        ChangesConditions = Members.Any(member => member.Passes.Change);
        Identity = new object();
    }

    /// <summary>Graphs with one timestep for the whole batch evaluate the runs at the timestep of the first unfinished run.</summary>
    private bool Belongs(DenoiseRun run, DenoiseRun first) =>
        !run.IsDone && (!sharesTimestep || run.Scheduler.Timestep == first.Scheduler.Timestep);

    private bool IsGathered()
    {
        int next = 0;
        DenoiseRun? first = null;
        for (int i = 0; i < runs.Count; i++)
        {
            if (runs[i].IsDone)
            {
                continue;
            }
            first ??= runs[i];
            if (Belongs(runs[i], first) && (next == Members.Count || Members[next++] != runs[i]))
            {
                return false;
            }
        }
        if (next != Members.Count)
        {
            return false;
        }
        // A run's number of passes may have changed since the previous evaluation.
        for (int i = 0; i < Members.Count; i++)
        {
            if (Members[i].Rows != _rows[i])
            {
                return false;
            }
        }
        return true;
    }
}
