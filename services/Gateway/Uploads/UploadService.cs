using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Jobs;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Jobs.Uploads;
using Brownian.Models.Families;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Brownian.Gateway.Uploads;

/// <summary>
/// Stores the files that requests may name, for a day: images, latents, and partial results. Room is reserved in the ledger before anything is
/// stored; a refused upload leaves nothing in the store or the ledger.
/// </summary>
/// <param name="artifacts">Stores the files.</param>
/// <param name="ledger">Accounts for the room that they take.</param>
/// <param name="limits">The limits on that room.</param>
/// <param name="tenants">Accounts for the room of tenants' images, which count for the same quota.</param>
/// <param name="jobs">Provides the time, and checks whether the store has room.</param>
/// <param name="logger">Logs files that could not be removed.</param>
public sealed partial class UploadService(
    IArtifactStore artifacts, IUploadLedger ledger, UploadLimits limits, IJobStore tenants, JobService jobs, ILogger<UploadService> logger)
{
    /// <summary>The largest size of an upload in bytes.</summary>
    public const int MaxImageBytes = 64 << 20;

    /// <summary>
    /// The largest number of chunks of an upload: enough for the largest one in chunks of 4 KiB. Empty chunks would never end it.
    /// </summary>
    private const int MaxChunks = MaxImageBytes >> 12;

    /// <summary>The growth, in bytes, after which more room is reserved for an upload that is received in chunks; it is kept in memory.</summary>
    private const int ReservedAtOnce = 1 << 18;

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <summary>When a caller asks again whose images fill its quota: they are removed one by one.</summary>
    private static readonly TimeSpan ImageTime = TimeSpan.FromMinutes(1);

    /// <summary>The time limit for removing what a refused upload left.</summary>
    private static readonly TimeSpan CleaningTime = TimeSpan.FromSeconds(2);

    /// <summary>Serializes the parts of one upload; two uploads may share a lock.</summary>
    private readonly SemaphoreSlim[] _appending = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Stores an image that is received in chunks.</summary>
    /// <param name="uploader">The owner.</param>
    /// <param name="chunks">The file.</param>
    /// <param name="cancellationToken">Stops the upload.</param>
    /// <exception cref="FieldFaultException">The file is not an image, or is too large.</exception>
    /// <exception cref="AdmissionException">There is no room for the file now.</exception>
    /// <exception cref="RpcException">The sender is silent for too long.</exception>
    public async Task<UploadedImage> StoreAsync(Uploader uploader, IAsyncEnumerable<UploadChunk> chunks, CancellationToken cancellationToken)
    {
        await jobs.RequireRoomAsync(cancellationToken);
        string id = NewId();
        var bytes = new ArrayBufferWriter<byte>();
        long reserved = 0;
        int count = 0;
        try
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            silence.CancelAfter(limits.MaxSilence);
            await foreach (UploadChunk chunk in InTimeAsync(chunks, silence, cancellationToken))
            {
                if (++count > MaxChunks)
                {
                    throw new FieldFaultException(new FieldFault("data", $"has more than {MaxChunks} chunks; allowed: up to that"));
                }
                RequireSize(bytes.WrittenCount + (long)chunk.Data.Length);
                bytes.Write(chunk.Data.Span);
                // The first bytes too, so that no caller holds more memory than its room. Empty chunks reserve nothing.
                if (bytes.WrittenCount - reserved >= (reserved == 0 ? 1 : ReservedAtOnce))
                {
                    reserved = bytes.WrittenCount;
                    await ReserveAsync(id, uploader, reserved, cancellationToken);
                }
            }
            string mediaType = MediaTypeOf(bytes.WrittenMemory);
            reserved = bytes.WrittenCount;
            await ReserveAsync(id, uploader, reserved, cancellationToken);
            return await StoreAsync(id, mediaType, bytes.WrittenMemory, cancellationToken);
        }
        catch
        {
            // Before the first reservation there is nothing to release.
            if (reserved > 0)
            {
                await RemoveAsync(id);
            }
            throw;
        }
    }

    /// <summary>Returns the chunks of a sender, as long as it sends.</summary>
    private async IAsyncEnumerable<UploadChunk> InTimeAsync(
        IAsyncEnumerable<UploadChunk> chunks, CancellationTokenSource silence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<UploadChunk> received = chunks.GetAsyncEnumerator(silence.Token);
        while (await NextAsync())
        {
            yield return received.Current;
            silence.CancelAfter(limits.MaxSilence);
        }

        async Task<bool> NextAsync()
        {
            try
            {
                return await received.MoveNextAsync();
            }
            catch (Exception exception) when (silence.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new RpcException(new Status(
                    StatusCode.DeadlineExceeded,
                    string.Create(
                        CultureInfo.InvariantCulture, $"no chunk came for {limits.MaxSilence.TotalSeconds:0.##} s; the upload is discarded"),
                    exception));
            }
        }
    }

    /// <summary>Appends a part; the last one completes the image.</summary>
    /// <param name="uploader">The owner.</param>
    /// <param name="request">The part.</param>
    /// <param name="cancellationToken">Stops the upload.</param>
    /// <exception cref="FieldFaultException">The part does not fit, or the whole file is not an image.</exception>
    /// <exception cref="AdmissionException">There is no room for the part now; the parts before it are kept.</exception>
    public async Task<UploadPartResponse> AppendAsync(Uploader uploader, UploadPartRequest request, CancellationToken cancellationToken)
    {
        bool first = request.UploadId.Length == 0;
        string id = first ? NewId() : request.UploadId;
        if (!IsId(id))
        {
            throw new FieldFaultException("upload_id", Shortened(id), "the upload_id of the answer to the first part");
        }
        await jobs.RequireRoomAsync(cancellationToken);
        SemaphoreSlim appending = _appending[(uint)string.GetHashCode(id, StringComparison.Ordinal) % _appending.Length];
        await appending.WaitAsync(cancellationToken);
        try
        {
            byte[] before = first
                ? []
                : await FindPartAsync(id, uploader, cancellationToken)
                    ?? throw new FieldFaultException("upload_id", id, "the id of an upload that is not finished");
            if (request.Offset != before.Length)
            {
                throw new FieldFaultException("offset", request.Offset, $"{before.Length}, the end of the part before");
            }
            return await AppendAsync(id, uploader, before, request, cancellationToken);
        }
        finally
        {
            appending.Release();
        }
    }

    /// <summary>Returns the file of an upload.</summary>
    /// <param name="uploader">The caller that names it.</param>
    /// <param name="id">The upload's id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="InvalidDataException">
    /// The upload does not exist, or is another tenant's; the message is to be appended to the field's name.
    /// </exception>
    public async Task<byte[]> GetAsync(Uploader uploader, string id, CancellationToken cancellationToken) => IsId(id)
        ? uploader.MayUse(await ledger.FindOwnerAsync(id, cancellationToken)) && await artifacts.GetAsync(id, cancellationToken) is { } file
            ? file
            : throw new InvalidDataException($"{id} does not exist; uploads are kept for a day")
        : throw new InvalidDataException($"\"{Shortened(id)}\" is neither an upload's id nor a data URL");

    /// <summary>Returns the parts of an unfinished upload; null when it does not exist, or is another tenant's.</summary>
    private async Task<byte[]?> FindPartAsync(string id, Uploader uploader, CancellationToken cancellationToken) =>
        uploader.MayUse(await ledger.FindOwnerAsync(id, cancellationToken)) ? await artifacts.GetAsync(Part(id), cancellationToken) : null;

    private static string Shortened(string text) => text.Length <= 80 ? text : text[..80] + "...";

    private static bool IsKept(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            PartialResult.Read(bytes.ToArray(), "the file");
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static string NewId() => "up_" + Guid.CreateVersion7().ToString("n");

    private static string Part(string id) => id + "_part";

    private static bool IsId(string id) =>
        id.Length == 35 && id.StartsWith("up_", StringComparison.Ordinal) && id.Skip(3).All(char.IsAsciiHexDigitLower);

    private static void RequireSize(long length)
    {
        if (length > MaxImageBytes)
        {
            throw new FieldFaultException(new FieldFault("data", $"has more than {MaxImageBytes >> 20} MiB; allowed: images of up to that"));
        }
    }

    private static string MediaTypeOf(ReadOnlyMemory<byte> bytes) => ImageFormats.MediaTypeOf(bytes.Span)
        ?? (NpyFile.IsNpy(bytes.Span) ? "application/x-npy"
            : IsKept(bytes) ? PartialResult.MediaType
            : throw new FieldFaultException(
                new FieldFault("data", "is not an image; allowed: PNG, JPEG, WebP, GIF, .npy for latents, and the file of a run with stop_after")));

    private async Task<UploadPartResponse> AppendAsync(
        string id, Uploader uploader, byte[] before, UploadPartRequest request, CancellationToken cancellationToken)
    {
        bool reserved = false;
        try
        {
            RequireSize(before.Length + (long)request.Data.Length);
            byte[] bytes = [.. before, .. request.Data.Span];
            string mediaType = request.Last ? MediaTypeOf(bytes) : "";
            await ReserveAsync(id, uploader, bytes.Length, cancellationToken);
            reserved = true;
            if (!request.Last)
            {
                await artifacts.PutAsync(Part(id), bytes, Lifetime, cancellationToken);
                return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length };
            }
            // Stored under the id of the reservation, so that the ledger's entry is now the image's.
            UploadedImage image = await StoreAsync(id, mediaType, bytes, cancellationToken);
            await artifacts.RemoveAsync(Part(id), cancellationToken);
            return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length, Image = image };
        }
        catch (FieldFaultException) when (before.Length > 0)
        {
            // The upload can never become an image.
            await RemoveAsync(id);
            throw;
        }
        catch when (reserved)
        {
            // If the first part fails, nothing is kept; if a later one fails, the upload is restored to its previous state.
            await (before.Length == 0 ? RemoveAsync(id) : CleanAsync(id, async token =>
            {
                await artifacts.RemoveAsync(id, token);
                await ledger.ReserveAsync(new UploadReservation(id, uploader.Owner, before.Length, Lifetime), UploadLimits.None, token);
            }));
            throw;
        }
    }

    private async Task<UploadedImage> StoreAsync(string id, string mediaType, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await artifacts.PutAsync(id, bytes, Lifetime, cancellationToken);
        return new UploadedImage
        {
            Id = id,
            MediaType = mediaType,
            SizeBytes = bytes.Length,
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes.Span)),
            ExpireTime = Timestamp.FromDateTimeOffset(jobs.Now + Lifetime),
        };
    }

    private async Task ReserveAsync(string id, Uploader uploader, long bytes, CancellationToken cancellationToken)
    {
        bool hasQuota = uploader.Caller.Quotas.StoredBytes is not null;
        long images = hasQuota ? await tenants.ImageBytesAsync(uploader.Caller.Tenant, cancellationToken) : 0;
        UploadLimits own = uploader.Limit(limits, images);
        string who = uploader.Caller.IsAnonymous ? "from this address" : $"of the tenant {uploader.Caller.Tenant}";
        string setting = hasQuota ? "the quota stored_bytes" : nameof(Hosting.PlatformOptions.MaxUploadBytesPerAddress);
        long allowed = uploader.Caller.Quotas.StoredBytes ?? limits.MaxBytesPerOwner;
        // A file that can never fit is a fault of the request; one that does not fit beside others is refused for a while.
        (string name, long most) = allowed <= limits.MaxBytes
            ? (setting, allowed)
            : (nameof(Hosting.PlatformOptions.MaxUploadBytes), limits.MaxBytes);
        if (bytes > most)
        {
            throw new FieldFaultException(new FieldFault("data", $"has {bytes} bytes or more; allowed: {most} ({name})"));
        }
        if (await ledger.ReserveAsync(new UploadReservation(id, uploader.Owner, bytes, Lifetime), own, cancellationToken) is not { } refusal)
        {
            return;
        }
        string held = refusal.Bound switch
        {
            UploadBound.CountPerOwner => $"{limits.MaxCountPerOwner} uploads {who} are kept, the most allowed (MaxUploadsPerAddress)",
            UploadBound.BytesPerOwner when images > 0 =>
                $"{images} bytes of images are stored, and with them uploads {who} would exceed {allowed} bytes ({setting})",
            UploadBound.BytesPerOwner => $"uploads {who} would exceed {allowed} bytes ({setting})",
            _ => $"all uploads would exceed {limits.MaxBytes} bytes (MaxUploadBytes)",
        };
        if (images > 0 && refusal.Bound == UploadBound.BytesPerOwner)
        {
            // Images may be removed before the oldest upload expires.
            throw new AdmissionException(held) { RetryAfter = refusal.RetryAfter < ImageTime ? refusal.RetryAfter : ImageTime };
        }
        DateTimeOffset again = jobs.Now + refusal.RetryAfter;
        string message = string.Create(CultureInfo.InvariantCulture, $"{held}; the oldest expires at {again:yyyy-MM-ddTHH:mm:ssZ}");
        throw new AdmissionException(message) { RetryAfter = refusal.RetryAfter };
    }

    /// <summary>Removes an upload and its reservation.</summary>
    private Task RemoveAsync(string id) => CleanAsync(id, async token =>
    {
        await artifacts.RemoveAsync(id, token);
        await artifacts.RemoveAsync(Part(id), token);
        await ledger.ReleaseAsync(id, token);
    });

    /// <summary>Runs a cleanup that must be done although the call has failed; if that fails too, files and entries expire.</summary>
    private async Task CleanAsync(string id, Func<CancellationToken, Task> clean)
    {
        using var deadline = new CancellationTokenSource(CleaningTime);
        try
        {
            await clean(deadline.Token);
        }
        catch (Exception exception) when (exception is PlatformUnavailableException or OperationCanceledException)
        {
            UploadLeft(logger, id, exception);
        }
    }

    [LoggerMessage(EventId = 102, EventName = "UploadLeft", Level = LogLevel.Warning,
        Message = "The parts of upload {Upload} could not be removed; they expire within a day")]
    private static partial void UploadLeft(ILogger logger, string upload, Exception exception);
}
