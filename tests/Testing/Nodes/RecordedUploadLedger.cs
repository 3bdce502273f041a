using System.Collections.Concurrent;
using Brownian.Jobs.Uploads;

namespace Brownian.Testing.Nodes;

/// <summary>A ledger that records what it holds.</summary>
internal sealed class RecordedUploadLedger(IUploadLedger inner) : IUploadLedger
{
    private readonly ConcurrentDictionary<string, long> _held = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _addresses = new();

    /// <summary>Ids and bytes of the reservations it holds.</summary>
    public IReadOnlyList<string> Held => [.. _held.Select(entry => $"{entry.Key} {entry.Value}").Order(StringComparer.Ordinal)];

    /// <summary>The addresses that reservations came from, in order.</summary>
    public IReadOnlyList<string> Addresses => [.. _addresses];

    public async Task<UploadRefusal?> ReserveAsync(UploadReservation reservation, UploadLimits limits, CancellationToken cancellationToken)
    {
        _addresses.Enqueue(reservation.Owner);
        UploadRefusal? refusal = await inner.ReserveAsync(reservation, limits, cancellationToken);
        if (refusal is null)
        {
            _held[reservation.Id] = reservation.Bytes;
        }
        return refusal;
    }

    public Task ExtendAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken) => inner.ExtendAsync(id, lifetime, cancellationToken);

    public Task<string?> FindOwnerAsync(string id, CancellationToken cancellationToken) => inner.FindOwnerAsync(id, cancellationToken);

    public Task<long> BytesOfAsync(string owner, CancellationToken cancellationToken) => inner.BytesOfAsync(owner, cancellationToken);

    public async Task ReleaseAsync(string id, CancellationToken cancellationToken)
    {
        await inner.ReleaseAsync(id, cancellationToken);
        _held.TryRemove(id, out _);
    }
}
