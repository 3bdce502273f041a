using Brownian.Formats.Files;

namespace Brownian.Jobs.Catalog;

/// <summary>Rules that apply to every catalogue.</summary>
public static class CatalogRules
{
    /// <summary>The time without a heartbeat after which a worker counts as gone.</summary>
    public static readonly TimeSpan AnnouncementTimeout = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Checks that a model's name has the same fingerprint at every worker. Different files under one name would give different images for one
    /// request.
    /// </summary>
    /// <exception cref="ModelException">Another worker serves other files under the name.</exception>
    public static void RequireOneFingerprint(string model, string fingerprint, string? worker, IEnumerable<WorkerCard> workers)
    {
        WorkerCard? other = workers.FirstOrDefault(
            candidate => candidate.Id != worker && candidate.Models.TryGetValue(model, out string? served) && served != fingerprint);
        if (other is not null)
        {
            throw new ModelException(
                $"The model \"{model}\" has other files here ({fingerprint[..Math.Min(12, fingerprint.Length)]}) than at worker {other.Id} "
                    + $"({other.Models[model][..Math.Min(12, other.Models[model].Length)]}): "
                + "all workers must have the same files under one name");
        }
    }
}
