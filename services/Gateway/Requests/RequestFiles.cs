using Brownian.Gateway.Uploads;
using Brownian.Jobs.Records;

namespace Brownian.Gateway.Requests;

/// <summary>
/// The files of one request: uploads that it names, and data URLs that it contains. They are read into memory; nothing is stored before the job is
/// admitted.
/// </summary>
/// <param name="uploads">Stores uploads.</param>
/// <param name="uploader">The caller, whose uploads alone are found.</param>
/// <param name="job">The id of the request's job.</param>
public sealed class RequestFiles(UploadService uploads, Uploader uploader, string job)
{
    private readonly Dictionary<string, (string Id, ReadOnlyMemory<byte> Bytes)> _named = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JobFile> _own = new(StringComparer.Ordinal);

    /// <summary>The files that the request contains as data URLs.</summary>
    public IReadOnlyList<JobFile> Own => [.. _own.Values];

    /// <summary>The ids of the uploads that the request names.</summary>
    public IReadOnlyList<string> Uploads =>
        [.. _named.Values.Select(file => file.Id).Where(id => !_own.ContainsKey(id)).Distinct(StringComparer.Ordinal)];

    /// <summary>Returns the file of an upload's id or a data URL.</summary>
    /// <exception cref="InvalidDataException">The value is neither; the message is to be appended to the field's name.</exception>
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
        return _named[named] = (named, await uploads.GetAsync(uploader, named, cancellationToken));
    }

    /// <summary>
    /// Returns the id of an upload that the request names; null for a data URL, which is stored for its own job only, and for a file that was not
    /// found.
    /// </summary>
    /// <param name="named">The value in the request.</param>
    public string? UploadOf(string named) =>
        _named.TryGetValue(named, out (string Id, ReadOnlyMemory<byte> Bytes) file) && !_own.ContainsKey(file.Id) ? file.Id : null;

    /// <summary>Returns the id of a file; null when it was not found.</summary>
    /// <param name="named">The value in the request.</param>
    public string? IdOf(string named) => _named.TryGetValue(named, out (string Id, ReadOnlyMemory<byte> Bytes) file) ? file.Id : null;

    /// <summary>Returns a file by its id.</summary>
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
