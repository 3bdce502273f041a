namespace Brownian.Jobs.Uploads;

/// <summary>
/// Accounts for the store capacity that uploads take, by their owners, for all gateways together. Room is reserved before anything is stored;
/// an entry expires with its lifetime. Every method throws <see cref="PlatformUnavailableException"/> when the ledger cannot be reached.
/// </summary>
public interface IUploadLedger
{
    /// <summary>Reserves room for an upload, or changes the reservation of an existing one.</summary>
    /// <param name="reservation">The new reservation; it replaces the entry of the same id.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when there is room; otherwise the exceeded limit, and nothing is changed.</returns>
    Task<UploadRefusal?> ReserveAsync(UploadReservation reservation, UploadLimits limits, CancellationToken cancellationToken);

    /// <summary>Extends the lifetime of an entry, along with its file; the lifetime never becomes shorter.</summary>
    /// <param name="id">The upload's id; ignored when it has no entry.</param>
    /// <param name="lifetime">How long, from now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Returns the owner of an entry; null when there is none.</summary>
    /// <param name="id">The upload's id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<string?> FindOwnerAsync(string id, CancellationToken cancellationToken);

    /// <summary>Returns the bytes of an owner's entries.</summary>
    /// <param name="owner">The owner.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<long> BytesOfAsync(string owner, CancellationToken cancellationToken);

    /// <summary>Releases the room of an upload.</summary>
    /// <param name="id">The upload's id; ignored when it has no entry.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task ReleaseAsync(string id, CancellationToken cancellationToken);
}
