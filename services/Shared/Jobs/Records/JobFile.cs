using System.Security.Cryptography;
using System.Text;

namespace Brownian.Jobs.Records;

/// <summary>A file that a request brought with it instead of naming an upload. It is stored once its job is admitted.</summary>
/// <param name="Id">What the job's stages ask for it by.</param>
/// <param name="Bytes">The file.</param>
public sealed record JobFile(string Id, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>A job's file. Its id follows from the job's id and the content: submitting the job again stores the same file.</summary>
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
