namespace Brownian.Gateway.A1111;

/// <summary>An error with an HTTP status of AUTOMATIC1111's API.</summary>
/// <param name="httpStatus">The HTTP status.</param>
/// <param name="detail">The message.</param>
internal sealed class A1111Exception(int httpStatus, string detail) : Exception(detail)
{
    /// <summary>The HTTP status.</summary>
    public int HttpStatus => httpStatus;
}
