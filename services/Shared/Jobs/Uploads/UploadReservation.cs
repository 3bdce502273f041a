namespace Brownian.Jobs.Uploads;

/// <summary>The room that an upload takes.</summary>
/// <param name="Id">The upload's id.</param>
/// <param name="Address">Where it comes from: an IPv4 address, or an IPv6 address's /64.</param>
/// <param name="Bytes">Its bytes in all.</param>
/// <param name="Lifetime">How long it is kept, from now.</param>
public sealed record UploadReservation(string Id, string Address, long Bytes, TimeSpan Lifetime);
