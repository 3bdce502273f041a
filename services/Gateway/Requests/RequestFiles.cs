using Brownian.Gateway.Uploads;
using Brownian.Jobs.Records;

namespace Brownian.Gateway.Requests;

/// <summary>
/// The files of one request: uploads that it names, and data URLs that it brings. They are read into memory; nothing is stored before the job is
/// admitted.
/// </summary>
/// <param name="uploads">Where uploads are.</param>
/// <param name="job">The id of the job that the request becomes.</param>
public sealed class RequestFiles(UploadService uploads, string job)
{
    private readonly Dictionary<string, (string Id, ReadOnlyMemory<byte> Bytes)> _named = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JobFile> _own = new(StringComparer.Ordinal);

    /// <summary>What came within the request.</summary>
    public IReadOnlyList<JobFile> Own => [.. _own.Values];

    /// <summary>Ids of the uploads that the request names.</summary>
    public IReadOnlyList<string> Uploads =>
        [.. _named.Values.Select(file => file.Id).Where(id => !_own.ContainsKey(id)).Distinct(StringComparer.Ordinal)];

    /// <summary>The file that a request names by an upload's id, or brings as a data URL.</summary>
    /// <exception cref="InvalidDataException">It is neither; the message follows the field's name.</exception>
    public async Task<(string Id, ReadOnlyMemory<byte> Bytes)> FindAsync(string named, CancellationToken cancellationToken)
    {
        if (_named.TryGetValue(named, out (string Id, ReadOnlyMemory<byte> Bytes) known))
        {
            return known;
        }
        if (DataUrl.TryRead(named, out byte[] bytes))
        {
            JobFile own = JobFile.Of(job, bytes);
            _own[own.Id] = own;
            return _named[named] = (own.Id, own.Bytes);
        }
        return _named[named] = (named, await uploads.GetAsync(named, cancellationToken));
    }

    /// <summary>
    /// The id of an upload that the request names; null for a data URL, which is stored for its own job alone, and for what was not found.
    /// </summary>
    /// <param name="named">As the request has it.</param>
    public string? UploadOf(string named) =>
        _named.TryGetValue(named, out (string Id, ReadOnlyMemory<byte> Bytes) file) && !_own.ContainsKey(file.Id) ? file.Id : null;

    /// <summary>The id of a file; null for what was not found.</summary>
    /// <param name="named">As the request has it.</param>
    public string? IdOf(string named) => _named.TryGetValue(named, out (string Id, ReadOnlyMemory<byte> Bytes) file) ? file.Id : null;

    /// <summary>A file by its id.</summary>
    public bool TryGet(string id, out ReadOnlyMemory<byte> bytes)
    {
        foreach ((string known, ReadOnlyMemory<byte> file) in _named.Values)
        {
            if (known == id)
            {
                bytes = file;
                return true;
            }
        }
        bytes = default;
        return false;
    }
}
