namespace Brownian.Import.Tests.Hub;

/// <summary>A request that a server of the tests received.</summary>
/// <param name="Path">The path of the file within the repository; the whole path of other requests.</param>
/// <param name="Range">The header Range; null for none.</param>
/// <param name="Authorization">The header Authorization; null for none.</param>
internal sealed record HubRequest(string Path, string? Range, string? Authorization);
