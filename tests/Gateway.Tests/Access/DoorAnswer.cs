using Grpc.Core;

namespace Brownian.Gateway.Tests.Access;

/// <summary>A door's answer.</summary>
/// <param name="Form">The form of the call: gRPC, gRPC-Web or JSON.</param>
/// <param name="Code">The code, of JSON answers that of the body.</param>
/// <param name="HttpStatus">The HTTP status.</param>
/// <param name="Text">The whole answer: headers, body and trailers.</param>
internal sealed record DoorAnswer(string Form, StatusCode Code, int HttpStatus, string Text);
