namespace Brownian.Upgrade.Saver;

/// <summary>A call of a stage service.</summary>
/// <param name="Request">The request's name.</param>
/// <param name="Method">The method's path.</param>
/// <param name="Message">The message that the gateway sent, serialized.</param>
/// <param name="Answer">The last message of the answer, serialized.</param>
internal sealed record RecordedCall(string Request, string Method, byte[] Message, byte[] Answer);
