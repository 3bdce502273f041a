namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>An input of a target.</summary>
/// <param name="Kind">What the bytes are, for targets that read several kinds: a file's name, a message's name.</param>
/// <param name="Bytes">The bytes.</param>
internal sealed record FuzzInput(string Kind, byte[] Bytes);
