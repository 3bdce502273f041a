namespace Brownian.Jobs.Records;

/// <summary>Determines the integration events of a job's step.</summary>
internal static class Outbox
{
    /// <summary>
    /// Returns the events of a step. An abandoned submission has none. Any other step of a job that is being submitted accepts it, since the job is
    /// visible from then on.
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
