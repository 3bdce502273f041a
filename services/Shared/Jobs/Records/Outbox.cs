namespace Brownian.Jobs.Records;

/// <summary>Which integration events a step of a job's life has.</summary>
internal static class Outbox
{
    /// <summary>
    /// The events of a step. A submission that is abandoned has none. Whatever else happens to a job that is being submitted accepts it: it can
    /// be seen from then on.
    /// </summary>
    /// <param name="before">The record before the step.</param>
    /// <param name="next">The record after it.</param>
    public static IReadOnlyList<IntegrationEventKind> Between(JobRecord before, JobRecord next)
    {
        bool isAccepted = before.Phase == JobPhase.Submitting && next.Phase is not (JobPhase.Submitting or JobPhase.Abandoned);
        bool isStarted = before.Started is null && next.Started is not null;
        bool isEnded = !before.HasEnded && next is { HasEnded: true, Phase: not JobPhase.Abandoned };
        return (isAccepted, isStarted, isEnded) is (false, false, false)
            ? []
            : [
                .. isAccepted ? (IntegrationEventKind[])[IntegrationEventKind.Accepted] : [],
                .. isStarted ? (IntegrationEventKind[])[IntegrationEventKind.Started] : [],
                .. isEnded ? (IntegrationEventKind[])[IntegrationEventKind.Ended] : [],
            ];
    }
}
