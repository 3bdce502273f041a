namespace Brownian.Jobs.Records;

/// <summary>Why a job failed.</summary>
/// <param name="Code">A google.rpc code.</param>
/// <param name="Message">The message for the client.</param>
public sealed record JobFailure(int Code, string Message);
