using Brownian.Jobs.Records;

namespace Brownian.Jobs.Services;

/// <summary>Calls the addresses of clients whose jobs have ended.</summary>
public interface ICallbackSender
{
    /// <summary>Makes an attempt that is due, in the background. Returns at once, and does nothing when an attempt of the job runs here.</summary>
    /// <param name="job">The job.</param>
    /// <returns>False when too many attempts run; the attempt is still due.</returns>
    bool TryPost(StoredJob job);
}
