using System.Security.Cryptography;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;

namespace Brownian.Requests;

/// <summary>The images that a request names, read and validated before anything runs: each is valid, or a fault of its field.</summary>
public sealed record RequestImages
{
    /// <summary>The value for a request without images.</summary>
    public static RequestImages None { get; } = new();

    /// <summary>The image from which the run starts.</summary>
    public RequestImage? InitImage { get; init; }

    /// <summary>The mask of the area that is regenerated.</summary>
    public RequestImage? Mask { get; init; }

    /// <summary>The image from which the first stage of a cascade starts, for a later stage that starts from it too.</summary>
    public RequestImage? Original { get; init; }

    /// <summary>The mask of <see cref="Original"/>.</summary>
    public RequestImage? OriginalMask { get; init; }

    /// <summary>The images of the ControlNets, in the request's order.</summary>
    public IReadOnlyList<RequestImage> ControlImages { get; init; } = [];

    /// <summary>The two images of an interpolation; empty for none.</summary>
    public IReadOnlyList<RequestImage> Between { get; init; } = [];

    /// <summary>The latents from which the run starts.</summary>
    public RequestImage? InitLatents { get; init; }

    /// <summary>The latents to decode.</summary>
    public RequestImage? Latents { get; init; }

    /// <summary>Reads the files that a request names.</summary>
    /// <param name="request">The request.</param>
    /// <param name="find">Returns the file of a value in the request, with the id by which stages read it. Throws for faults.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <param name="decode">
    /// Decodes images, which finds all damage before anything runs; null to check only their structure, so that the stage that decodes them finds the
    /// rest.
    /// </param>
    public static async Task<RequestImages> ReadAsync(
        GenerationRequest request, Func<string, Task<(string Id, ReadOnlyMemory<byte> File)>> find, List<FieldFault> faults,
        Func<ReadOnlyMemory<byte>, Raster>? decode = null)
    {
        Func<string, ReadOnlyMemory<byte>, RequestImage> reader = decode is null ? Inspected : Decoded;
        return new RequestImages
        {
            InitImage = await ReadAsync("init_image", request.InitImage, reader).ConfigureAwait(false),
            Mask = await ReadAsync("mask", request.Mask, reader).ConfigureAwait(false),
            ControlImages = await ReadAllAsync("control_image", request.ControlImages).ConfigureAwait(false),
            Between = await ReadAllAsync("interpolate.images", request.Interpolate?.Images ?? []).ConfigureAwait(false),
            InitLatents = await ReadAsync("init_latents", request.InitLatents, LatentFile).ConfigureAwait(false),
            Latents = await ReadAsync("latents", request.Latents, LatentFile).ConfigureAwait(false),
        };

        RequestImage Decoded(string id, ReadOnlyMemory<byte> file)
        {
            Raster image = decode!(file);
            return new RequestImage(id, image.Width, image.Height) { IsBlack = !image.ToGrey().Pixels.AsSpan().ContainsAnyExcept((byte)0) };
        }

        async Task<IReadOnlyList<RequestImage>> ReadAllAsync(string name, IReadOnlyList<string> named)
        {
            var read = new List<RequestImage>();
            for (int i = 0; i < named.Count; i++)
            {
                string field = named.Count == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}[{i}]");
                if (await ReadAsync(field, named[i], reader).ConfigureAwait(false) is { } image)
                {
                    read.Add(image);
                }
            }
            return read;
        }

        async Task<RequestImage?> ReadAsync(string field, string? named, Func<string, ReadOnlyMemory<byte>, RequestImage> read)
        {
            if (named is null)
            {
                return null;
            }
            try
            {
                (string id, ReadOnlyMemory<byte> file) = await find(named).ConfigureAwait(false);
                return read(id, file) with { Content = ContentOf(file.Span) };
            }
            catch (InvalidDataException exception)
            {
                faults.Add(new FieldFault(field, exception.Message));
                return null;
            }
        }
    }

    /// <summary>Returns the value of <see cref="RequestImage.Content"/> for a file.</summary>
    public static string ContentOf(ReadOnlySpan<byte> file) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(file));

    /// <summary>Every file.</summary>
    public IEnumerable<RequestImage> All =>
        ((IEnumerable<RequestImage?>)[InitImage, Mask, .. ControlImages, .. Between, InitLatents, Latents]).OfType<RequestImage>();

    private static RequestImage Inspected(string id, ReadOnlyMemory<byte> file)
    {
        (int width, int height) = ImageInspector.Inspect(file.Span);
        return new RequestImage(id, width, height);
    }

    private static RequestImage LatentFile(string id, ReadOnlyMemory<byte> file)
    {
        IReadOnlyList<int> shape = NpyFile.ReadShape(file.Span, out bool isFinite);
        if (!isFinite)
        {
            throw new InvalidDataException("contains infinities or NaN; allowed: finite numbers");
        }
        return shape is [int count and > 0, int channels, int height, int width]
            ? new RequestImage(id, width, height, channels, count)
            : throw new InvalidDataException($"has the shape [{string.Join(", ", shape)}]; allowed: [images, channels, height, width]");
    }
}
