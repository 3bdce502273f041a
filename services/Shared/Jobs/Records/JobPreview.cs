using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>
/// The newest preview image of a running job. It is not an event of the job: only the newest is kept, and none after the job ended.
/// </summary>
/// <param name="Number">A number that differs for each preview of a job.</param>
/// <param name="Event">The event that watchers receive, with the id 0.</param>
public sealed record JobPreview(long Number, JobEvent Event);
