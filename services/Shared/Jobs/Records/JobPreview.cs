using Brownian.V1;

namespace Brownian.Jobs.Records;

/// <summary>The newest image on the way of a job. It is no event of the job: only the newest is kept, and none once the job ended.</summary>
/// <param name="Number">Another one for each preview of a job.</param>
/// <param name="Event">What watchers are told, with the id 0.</param>
public sealed record JobPreview(long Number, JobEvent Event);
