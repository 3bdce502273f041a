namespace Brownian.Jobs.Services;

/// <summary>Thrown when a file that a job needs no longer exists.</summary>
/// <param name="id">The upload's id.</param>
public sealed class UploadGoneException(string id) : Exception($"the image {id} is gone; upload it again and submit a new job")
{
    /// <summary>The upload's id.</summary>
    public string Id => id;
}
