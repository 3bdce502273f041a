namespace Brownian.Jobs.Uploads;

/// <summary>
/// What uploads take of the store, by the address they came from, for all gateways together. Reserved before anything is stored; an entry goes
/// when its time is over. Every method throws <see cref="PlatformUnavailableException"/> when the ledger cannot be reached.
/// </summary>
public interface IUploadLedger
{
    /// <summary>Reserves room for an upload, or for more or less of one that has some already.</summary>
    /// <param name="reservation">The upload as it is to be; it replaces the entry of the same id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>Null when there is room; otherwise the bound, and nothing is changed.</returns>
    Task<UploadRefusal?> ReserveAsync(UploadReservation reservation, CancellationToken cancellationToken);

    /// <summary>Keeps an entry for longer, with its file; never less long than before.</summary>
    /// <param name="id">The upload's id; one without an entry is left alone.</param>
    /// <param name="lifetime">How long, from now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Gives the room of an upload back.</summary>
    /// <param name="id">The upload's id; one without an entry is left alone.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task ReleaseAsync(string id, CancellationToken cancellationToken);
}
