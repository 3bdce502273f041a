using System.Security.Cryptography;
using System.Text;

namespace Brownian.Jobs.Records;

/// <summary>A file that was sent within a request instead of as an upload. It is stored once its job is admitted.</summary>
/// <param name="Id">The id by which the job's stages read the file.</param>
/// <param name="Bytes">The file.</param>
public sealed record JobFile(string Id, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>
    /// Creates a job's file. Its id is derived from the job's id and the content, so submitting the job again stores the same file.
    /// </summary>
    /// <param name="job">The job's id.</param>
    /// <param name="bytes">The file.</param>
    public static JobFile Of(string job, ReadOnlyMemory<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(job));
        hash.AppendData(bytes.Span);
        return new JobFile("up_" + Convert.ToHexStringLower(hash.GetHashAndReset())[..32], bytes);
    }
}
