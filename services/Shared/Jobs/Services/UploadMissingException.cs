namespace Brownian.Jobs.Services;

/// <summary>Thrown when a file that a job needs no longer exists.</summary>
/// <param name="id">The upload's id.</param>
public sealed class UploadMissingException(string id) : Exception($"the image {id} no longer exists; upload it again and submit a new job")
{
    /// <summary>The upload's id.</summary>
    public string Id => id;
}
