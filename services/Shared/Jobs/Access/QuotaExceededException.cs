namespace Brownian.Jobs.Access;

/// <summary>Thrown when a request would exceed a quota of its tenant. Nothing is counted for it.</summary>
/// <param name="refusal">The quota.</param>
public sealed class QuotaExceededException(QuotaRefusal refusal) : Exception($"the quota {refusal.Kind} is exceeded")
{
    /// <summary>The quota.</summary>
    public QuotaRefusal Refusal => refusal;
}
