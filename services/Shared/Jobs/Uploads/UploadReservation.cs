namespace Brownian.Jobs.Uploads;

/// <summary>A reservation of room for an upload.</summary>
/// <param name="Id">The upload's id.</param>
/// <param name="Owner">
/// The owner: a tenant, or the client's address, which is an IPv4 address or the /64 prefix of an IPv6 address.
/// </param>
/// <param name="Bytes">The total number of bytes.</param>
/// <param name="Lifetime">How long it is kept, from now.</param>
public sealed record UploadReservation(string Id, string Owner, long Bytes, TimeSpan Lifetime);
