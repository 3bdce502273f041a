using System.Buffers;
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

namespace Brownian.Gateway.Uploads;

/// <summary>
/// Keeps what requests may name, for a day: images, latents, and what a job left after a stage. Room is reserved in the ledger before anything
/// is stored; what is refused leaves nothing, neither in the store nor in the ledger.
/// </summary>
/// <param name="artifacts">Where they are kept.</param>
/// <param name="ledger">What they take.</param>
/// <param name="limits">What they may take.</param>
/// <param name="jobs">Time, and whether the store has room.</param>
/// <param name="logger">Tells what could not be removed.</param>
public sealed partial class UploadService(
    IArtifactStore artifacts, IUploadLedger ledger, UploadLimits limits, JobService jobs, ILogger<UploadService> logger)
{
    /// <summary>The most bytes of an upload.</summary>
    public const int MaxImageBytes = 64 << 20;

    /// <summary>An upload that comes in chunks is in memory; its room is reserved whenever it has grown by so much.</summary>
    private const int ReservedAtOnce = 4 << 20;

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <summary>How long removing what a refused upload left may take.</summary>
    private static readonly TimeSpan CleaningTime = TimeSpan.FromSeconds(2);

    /// <summary>Parts of one upload come one after the other; two uploads may share a lock.</summary>
    private readonly SemaphoreSlim[] _appending = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Stores an image that comes in chunks.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="chunks">The file.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="FieldFaultException">It is none, or too large.</exception>
    /// <exception cref="AdmissionException">There is no room for it now.</exception>
    public async Task<UploadedImage> StoreAsync(string address, IAsyncEnumerable<UploadChunk> chunks, CancellationToken cancellationToken)
    {
        await jobs.RequireRoomAsync(cancellationToken);
        string id = NewId();
        var bytes = new ArrayBufferWriter<byte>();
        long reserved = 0;
        try
        {
            await foreach (UploadChunk chunk in chunks.WithCancellation(cancellationToken))
            {
                RequireSize(bytes.WrittenCount + (long)chunk.Data.Length);
                bytes.Write(chunk.Data.Span);
                if (bytes.WrittenCount - reserved >= ReservedAtOnce)
                {
                    reserved = bytes.WrittenCount;
                    await ReserveAsync(id, address, reserved, cancellationToken);
                }
            }
            string mediaType = MediaTypeOf(bytes.WrittenMemory);
            reserved = bytes.WrittenCount;
            await ReserveAsync(id, address, reserved, cancellationToken);
            return await StoreAsync(id, mediaType, bytes.WrittenMemory, cancellationToken);
        }
        catch
        {
            // Nothing to give back before the first reservation.
            if (reserved > 0)
            {
                await RemoveAsync(id);
            }
            throw;
        }
    }

    /// <summary>Appends a part; the last one makes it an image.</summary>
    /// <param name="address">Where it comes from.</param>
    /// <param name="request">The part.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="FieldFaultException">The part does not fit, or the whole is no image.</exception>
    /// <exception cref="AdmissionException">There is no room for it now; the parts before it stay.</exception>
    public async Task<UploadPartResponse> AppendAsync(string address, UploadPartRequest request, CancellationToken cancellationToken)
    {
        bool first = request.UploadId.Length == 0;
        string id = first ? NewId() : request.UploadId;
        if (!IsId(id))
        {
            throw new FieldFaultException("upload_id", Shortened(id), "what the answer to the first part said");
        }
        await jobs.RequireRoomAsync(cancellationToken);
        SemaphoreSlim appending = _appending[(uint)string.GetHashCode(id, StringComparison.Ordinal) % _appending.Length];
        await appending.WaitAsync(cancellationToken);
        try
        {
            byte[] before = first
                ? []
                : await artifacts.GetAsync(Part(id), cancellationToken)
                    ?? throw new FieldFaultException("upload_id", id, "an upload that was begun and not finished");
            if (request.Offset != before.Length)
            {
                throw new FieldFaultException("offset", request.Offset, $"{before.Length}, where the part before ended");
            }
            return await AppendAsync(id, address, before, request, cancellationToken);
        }
        finally
        {
            appending.Release();
        }
    }

    /// <summary>The file of an upload.</summary>
    /// <exception cref="InvalidDataException">There is none; the message follows the field's name.</exception>
    public async Task<byte[]> GetAsync(string id, CancellationToken cancellationToken) => IsId(id)
        ? await artifacts.GetAsync(id, cancellationToken) ?? throw new InvalidDataException($"{id} is not there; uploads are kept for a day")
        : throw new InvalidDataException($"\"{Shortened(id)}\" is neither an upload's id nor a data URL");

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
                new FieldFault("data", "is no image; allowed: PNG, JPEG, WebP, GIF, .npy for latents, and what stop_after left")));

    private async Task<UploadPartResponse> AppendAsync(
        string id, string address, byte[] before, UploadPartRequest request, CancellationToken cancellationToken)
    {
        bool reserved = false;
        try
        {
            RequireSize(before.Length + (long)request.Data.Length);
            byte[] bytes = [.. before, .. request.Data.Span];
            string mediaType = request.Last ? MediaTypeOf(bytes) : "";
            await ReserveAsync(id, address, bytes.Length, cancellationToken);
            reserved = true;
            if (!request.Last)
            {
                await artifacts.PutAsync(Part(id), bytes, Lifetime, cancellationToken);
                return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length };
            }
            // Under the id that it was reserved under: the entry is the image's now.
            UploadedImage image = await StoreAsync(id, mediaType, bytes, cancellationToken);
            await artifacts.RemoveAsync(Part(id), cancellationToken);
            return new UploadPartResponse { UploadId = id, SizeBytes = bytes.Length, Image = image };
        }
        catch (FieldFaultException) when (before.Length > 0)
        {
            // It can never become an image.
            await RemoveAsync(id);
            throw;
        }
        catch when (reserved)
        {
            // Of the first part nothing stays; after another one the upload is what it was before it.
            await (before.Length == 0 ? RemoveAsync(id) : CleanAsync(id, async token =>
            {
                await artifacts.RemoveAsync(id, token);
                await ledger.ReserveAsync(new UploadReservation(id, address, before.Length, Lifetime), token);
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

    private async Task ReserveAsync(string id, string address, long bytes, CancellationToken cancellationToken)
    {
        (string name, long most) = limits.MaxBytesPerAddress <= limits.MaxBytes
            ? (nameof(Hosting.PlatformOptions.MaxUploadBytesPerAddress), limits.MaxBytesPerAddress)
            : (nameof(Hosting.PlatformOptions.MaxUploadBytes), limits.MaxBytes);
        if (bytes > most)
        {
            throw new FieldFaultException(new FieldFault("data", $"has {bytes} bytes or more; allowed: {most} ({name})"));
        }
        if (await ledger.ReserveAsync(new UploadReservation(id, address, bytes, Lifetime), cancellationToken) is not { } refusal)
        {
            return;
        }
        string held = refusal.Bound switch
        {
            UploadBound.CountPerAddress => $"{limits.MaxCountPerAddress} uploads from this address are kept, the most allowed (MaxUploadsPerAddress)",
            UploadBound.BytesPerAddress => $"uploads from this address would exceed {limits.MaxBytesPerAddress} bytes (MaxUploadBytesPerAddress)",
            _ => $"all uploads would exceed {limits.MaxBytes} bytes (MaxUploadBytes)",
        };
        DateTimeOffset again = jobs.Now + refusal.RetryAfter;
        string message = string.Create(CultureInfo.InvariantCulture, $"{held}; the oldest expires at {again:yyyy-MM-ddTHH:mm:ssZ}");
        throw new AdmissionException(message) { RetryAfter = refusal.RetryAfter };
    }

    /// <summary>Removes an upload and what was reserved for it.</summary>
    private Task RemoveAsync(string id) => CleanAsync(id, async token =>
    {
        await artifacts.RemoveAsync(id, token);
        await artifacts.RemoveAsync(Part(id), token);
        await ledger.ReleaseAsync(id, token);
    });

    /// <summary>Does what must be done although the call has failed; where that fails too, files and entries expire.</summary>
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
        Message = "What upload {Upload} left could not be removed; it expires within a day")]
    private static partial void UploadLeft(ILogger logger, string upload, Exception exception);
}
