namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>A case that failed.</summary>
/// <param name="Case">The number of the case; null for an input of the corpus.</param>
/// <param name="Input">The input.</param>
/// <param name="What">What happened.</param>
internal sealed record FuzzFault(long? Case, FuzzInput Input, string What);
