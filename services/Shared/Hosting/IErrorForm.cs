using Microsoft.AspNetCore.Http;

namespace Brownian.Hosting;

/// <summary>
/// The form of errors at endpoints whose clients know another one than google.rpc.Status, as metadata of the endpoints. Refusals that are made before
/// an endpoint runs have its form, too.
/// </summary>
public interface IErrorForm
{
    /// <summary>Responds to a call with an error.</summary>
    /// <param name="context">The call.</param>
    /// <param name="httpStatus">The HTTP status.</param>
    /// <param name="status">The error.</param>
    Task WriteAsync(HttpContext context, int httpStatus, Google.Rpc.Status status);
}
