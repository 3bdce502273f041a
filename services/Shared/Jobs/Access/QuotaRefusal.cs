namespace Brownian.Jobs.Access;

/// <summary>The refusal of a request that would exceed a quota. Nothing is counted for it.</summary>
/// <param name="Kind">The quota.</param>
/// <param name="Held">What counts for it already.</param>
/// <param name="RetryAfter">The time after which it may be admitted.</param>
public sealed record QuotaRefusal(QuotaKind Kind, long Held, TimeSpan RetryAfter);
