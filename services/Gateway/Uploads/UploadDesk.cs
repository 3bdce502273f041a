using System.Buffers;
using System.Security.Cryptography;
using Brownian.Inference;
using Brownian.Inference.Images;
using Brownian.Inference.Tensors;
using Brownian.Platform.Artifacts;
using Brownian.Platform.Jobs;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Uploads;

/// <summary>Keeps what requests may name, for a day: images, latents, and what a job left after a stage.</summary>
/// <param name="artifacts">Where they are kept.</param>
/// <param name="desk">Time.</param>
/// <param name="policy">How long jobs are kept.</param>
public sealed class UploadDesk(IArtifactStore artifacts, JobDesk desk, JobPolicy policy)
{
    /// <summary>The most bytes of an upload.</summary>
    public const int LargestImage = 64 << 20;

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <summary>Parts of one upload come one after the other; two uploads may share a lock.</summary>
    private readonly SemaphoreSlim[] _appending = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Stores an image that comes in chunks.</summary>
    /// <exception cref="FieldFaultException">It is none, or too large.</exception>
    public async Task<UploadedImage> StoreAsync(IAsyncEnumerable<UploadChunk> chunks, CancellationToken cancellationToken)
    {
        var bytes = new ArrayBufferWriter<byte>();
        await foreach (UploadChunk chunk in chunks.WithCancellation(cancellationToken))
        {
            RequireRoom(bytes.WrittenCount + (long)chunk.Data.Length);
            bytes.Write(chunk.Data.Span);
        }
        return await StoreAsync(bytes.WrittenMemory, cancellationToken);
    }

    /// <summary>Appends a part; the last one makes it an image.</summary>
    /// <exception cref="FieldFaultException">The part does not fit, or the whole is no image.</exception>
    public async Task<UploadPartResponse> AppendAsync(UploadPartRequest request, CancellationToken cancellationToken)
    {
        bool first = request.UploadId.Length == 0;
        string id = first ? NewId() : request.UploadId;
        if (!IsId(id))
        {
            throw new FieldFaultException("upload_id", id, "what the answer to the first part said");
        }
        SemaphoreSlim appending = _appending[(uint)string.GetHashCode(id, StringComparison.Ordinal) % _appending.Length];
        await appending.WaitAsync(cancellationToken);
        try
        {
            byte[] before = first ? [] : await artifacts.GetAsync(Part(id), cancellationToken) ?? throw new FieldFaultException("upload_id", id, "an upload that was begun and not finished");
            if (request.Offset != before.Length)
            {
                throw new FieldFaultException("offset", request.Offset, $"{before.Length}, where the part before ended");
            }
            RequireRoom(before.Length + (long)request.Data.Length);
            byte[] bytes = [.. before, .. request.Data.Span];
            if (!request.Last)
            {
                await artifacts.PutAsync(Part(id), bytes, Lifetime, cancellationToken);
                return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length };
            }
            UploadedImage image = await StoreAsync(bytes, cancellationToken);
            await artifacts.RemoveAsync(Part(id), cancellationToken);
            return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length, Image = image };
        }
        finally
        {
            appending.Release();
        }
    }

    /// <summary>The file that a request names by an upload's id, or brings as a data URL, which becomes an upload. It is kept as long as jobs are.</summary>
    /// <exception cref="InvalidDataException">It is neither; the message follows the field's name.</exception>
    public async Task<(string Id, ReadOnlyMemory<byte> File)> FindAsync(string named, CancellationToken cancellationToken)
    {
        const string Scheme = "data:", Base64 = ";base64,";
        if (named.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            int comma = named.IndexOf(Base64, StringComparison.OrdinalIgnoreCase);
            var bytes = new byte[comma < 0 ? 0 : named.Length / 4 * 3];
            if (comma < 0 || !Convert.TryFromBase64Chars(named.AsSpan(comma + Base64.Length), bytes, out int length))
            {
                throw new InvalidDataException("is a data URL that is not base64; allowed: data:image/png;base64,...");
            }
            string id = NewId();
            await artifacts.PutAsync(id, bytes.AsMemory(0, length), policy.Retention + Lifetime, cancellationToken);
            return (id, bytes.AsMemory(0, length));
        }
        if (!IsId(named))
        {
            throw new InvalidDataException($"\"{(named.Length <= 80 ? named : named[..80] + "...")}\" is neither an upload's id nor a data URL");
        }
        byte[] file = await artifacts.GetAsync(named, cancellationToken) ?? throw new InvalidDataException($"{named} is not there; uploads are kept for a day");
        // A job may wait longer than an upload lives.
        await artifacts.PutAsync(named, file, policy.Retention + Lifetime, cancellationToken);
        return (named, file);
    }

    private static bool IsKept(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            KeptStages.Read(bytes.ToArray(), "the file");
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static string NewId() => "up_" + Guid.CreateVersion7().ToString("n");

    private static string Part(string id) => id + "_part";

    private static bool IsId(string id) => id.Length == 35 && id.StartsWith("up_", StringComparison.Ordinal) && id.Skip(3).All(char.IsAsciiHexDigitLower);

    private static void RequireRoom(long length)
    {
        if (length > LargestImage)
        {
            throw new FieldFaultException(new FieldFault("data", $"has more than {LargestImage >> 20} MiB; allowed: images of up to that"));
        }
    }

    private async Task<UploadedImage> StoreAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        string mediaType = ImageFile.MediaTypeOf(bytes.Span)
            ?? (NpyFile.IsNpy(bytes.Span) ? "application/x-npy"
                : IsKept(bytes) ? KeptStages.MediaType
                : throw new FieldFaultException(new FieldFault("data", "is no image; allowed: PNG, JPEG, WebP, GIF, .npy for latents, and what stop_after left")));
        string id = NewId();
        await artifacts.PutAsync(id, bytes, Lifetime, cancellationToken);
        return new UploadedImage
        {
            Id = id,
            MediaType = mediaType,
            SizeBytes = bytes.Length,
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes.Span)),
            ExpireTime = Timestamp.FromDateTimeOffset(desk.Now + Lifetime),
        };
    }
}
