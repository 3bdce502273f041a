using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Stages;
using Microsoft.ML.OnnxRuntime;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>
/// A convolutional upscaler in this process, such as ESRGAN (Wang et al. 2018, arXiv 1809.00219) and related models: one graph with the input [1, 3,
/// height, width] and the output [1, 3, scale * height, scale * width], both RGB in [0, 1].
/// </summary>
/// <remarks>
/// A pixel of the output depends on a neighborhood of the input. Tiles overlap by twice the receptive field, and only the part of a tile at least
/// that far from its borders is kept, except at the borders of the image. The result differs from that of the whole image only by rounding.
/// </remarks>
public sealed class LocalImageUpscaler : IImageUpscaler, IDisposable
{
    /// <summary>The smallest change of the output that is counted: a quarter of a level.</summary>
    private const float Change = 0.25f / 255;

    private const int LeastReach = 16;
    private const int Channels = 3;
    private const int ProbeSide = 24;
    private const int MaxMultiple = 64;

    private readonly EngineThread _thread = new("upscaler");
    private readonly OnnxGraph _graph;
    private readonly GraphTensor _input;
    private readonly int? _fixed;
    private int? _reach;

    /// <param name="graph">The upscaler's graph; disposed with this object.</param>
    /// <param name="stated">
    /// The contents of <c>config.json</c> beside the graph. Facts that it omits are measured in this constructor, except the receptive field, which
    /// is measured when tiles first need it.
    /// </param>
    /// <exception cref="ModelException">The graph is not an upscaler, or differs from the stated facts.</exception>
    public LocalImageUpscaler(OnnxGraph graph, ImageUpscalerConfig stated)
    {
        _graph = graph;
        _input = graph.Inputs is [{ Rank: 4 } input] && (input.Fixed(1) ?? Channels) == Channels && graph.Outputs.Count == 1
            ? input
            : throw new ModelException(
                $"{graph.File} is not an upscaler: it must have one input and one output of [1, 3, height, width]; it has "
                    + $"{string.Join("; ", graph.Inputs)} -> {string.Join("; ", graph.Outputs)}");
        if (_input.Fixed(2) != _input.Fixed(3))
        {
            throw new ModelException($"{graph.File} takes images of {_input} only; a fixed size must be square");
        }
        _fixed = _input.Fixed(2);
        _reach = stated.ReceptiveField;
        (Multiple, Scale) = Measure(stated);
    }

    /// <summary>The output's pixels per side of one input pixel.</summary>
    public int Scale { get; }

    /// <summary>
    /// The number that the sides of the graph's input must be multiples of. Other images are padded with copies of the last row and column.
    /// </summary>
    internal int Multiple { get; }

    /// <inheritdoc/>
    public Task<PixelImage> UpscaleAsync(PixelImage image, int? tile, int overlap, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return Upscale(image, tile ?? ImageUpscalerConfig.DefaultTile, overlap, run);
        },
        cancellationToken);

    /// <summary>
    /// Measures the receptive field in pixels of the input. In an image of noise, everything beyond a line is inverted, vertically and horizontally,
    /// and the farthest change of a quarter of a level is searched in the output on the other side of the line. The image is doubled in size while
    /// the change comes near its border, up to <see cref="ImageUpscalerConfig.MaxReach"/>.
    /// </summary>
    internal Task<int> ReachAsync(CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return Reach(run);
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private PixelImage Upscale(PixelImage image, int tile, int overlap, TerminableRun run)
    {
        int height = Math.Max(RoundUp(image.Height, Multiple), _fixed ?? 0), width = Math.Max(RoundUp(image.Width, Multiple), _fixed ?? 0);
        int side = _fixed ?? (tile == 0 ? Math.Max(height, width) : RoundUp(tile, Multiple)), common = 0;
        if (side < Math.Max(height, width))
        {
            common = RoundUp(Math.Max(overlap, 2 * Reach(run)), Multiple);
            (side, common) = _fixed is null ? (Math.Max(side, 2 * common), common) : (side, Math.Min(common, side / 2));
        }
        var grid = new TileGrid(height, width, side, common, Multiple);
        var enlarged = new PixelImage(image.Width * Scale, image.Height * Scale, new byte[Channels * image.Width * Scale * image.Height * Scale]);
        using var input = new BoundTensor(_input.Dtype, 1, Channels, grid.TileHeight, grid.TileWidth);
        for (int i = 0; i < grid.Tops.Length; i++)
        {
            (int fromY, int toY) = Kept(grid.Tops, i, grid.TileHeight, image.Height);
            for (int j = 0; j < grid.Lefts.Length; j++)
            {
                (int fromX, int toX) = Kept(grid.Lefts, j, grid.TileWidth, image.Width);
                Cut(image, grid.Tops[i], grid.Lefts[j], grid.TileHeight, grid.TileWidth, input.Values);
                Tensor made = Run(input, run);
                RequireSize(made, grid.TileHeight, grid.TileWidth, Scale);
                if (!Finite.All(made.Values))
                {
                    throw new DenoiseException($"The image is not finite (NaN or infinity) after {_graph.File}: try a float32 export of it");
                }
                Paste(made, grid.Tops[i] * Scale, grid.Lefts[j] * Scale, (fromY * Scale, toY * Scale), (fromX * Scale, toX * Scale), enlarged);
            }
        }
        return enlarged;
    }

    /// <summary>Returns the part of a tile that is kept along an axis: up to the middle of its overlap with each neighbor.</summary>
    private static (int From, int To) Kept(ReadOnlySpan<int> places, int i, int tile, int length) => (
        i == 0 ? 0 : (places[i] + places[i - 1] + tile) / 2,
        Math.Min(i == places.Length - 1 ? length : (places[i + 1] + places[i] + tile) / 2, length));

    private static void Cut(PixelImage image, int top, int left, int height, int width, Span<float> values)
    {
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = image.Row(Math.Min(top + y, image.Height - 1));
            for (int x = 0; x < width; x++)
            {
                int from = Channels * Math.Min(left + x, image.Width - 1);
                for (int channel = 0; channel < Channels; channel++)
                {
                    values[(channel * height + y) * width + x] = row[from + channel] / 255f;
                }
            }
        }
    }

    private static void Paste(Tensor tile, int top, int left, (int From, int To) rows, (int From, int To) columns, PixelImage enlarged)
    {
        int height = tile.Shape[2], width = tile.Shape[3];
        for (int y = rows.From; y < rows.To; y++)
        {
            Span<byte> row = enlarged.Row(y);
            for (int x = columns.From; x < columns.To; x++)
            {
                for (int channel = 0; channel < Channels; channel++)
                {
                    float value = tile.Values[(channel * height + y - top) * width + x - left];
                    row[Channels * x + channel] = (byte)MathF.Round(Math.Clamp(value, 0, 1) * 255, MidpointRounding.ToEven);
                }
            }
        }
    }

    private (int Multiple, int Scale) Measure(ImageUpscalerConfig stated)
    {
        using var run = new TerminableRun(CancellationToken.None);
        for (int multiple = _fixed is null ? stated.Multiple ?? 1 : 1; multiple <= MaxMultiple; multiple *= 2)
        {
            // An odd number of multiples, so that the side is not a multiple of a larger one as well.
            int side = _fixed ?? multiple * (RoundUp(ProbeSide, multiple) / multiple | 1);
            using var input = new BoundTensor(_input.Dtype, 1, Channels, side, side);
            Tensor made;
            try
            {
                made = Run(input, run);
            }
            catch (ModelException) when (_fixed is null && stated.Multiple is null && multiple < MaxMultiple)
            {
                continue;
            }
            int scale = made.Shape.Count == 4 ? made.Shape[2] / side : 0;
            RequireSize(made, side, side, Math.Max(scale, 1));
            return stated.Scale is null || stated.Scale == scale
                ? (multiple, scale)
                : throw new ModelException($"{_graph.File} makes images {scale} times as large, config.json beside it has {stated.Scale}");
        }
        throw new ModelException($"{_graph.File} ran at no size up to {MaxMultiple * 3} pixels that was tried");
    }

    private int Reach(TerminableRun run)
    {
        if (_reach is { } known)
        {
            return known;
        }
        int reach = ImageUpscalerConfig.MaxReach;
        for (int half = RoundUp(LeastReach, Multiple); ; half *= 2)
        {
            int side = _fixed ?? 2 * half, line = side / 2;
            reach = Math.Max(Reach(side, line, isDown: true, run), Reach(side, line, isDown: false, run));
            if (reach < line - 1 || _fixed is not null || half >= ImageUpscalerConfig.MaxReach)
            {
                break;
            }
        }
        _reach = Math.Min(reach, ImageUpscalerConfig.MaxReach);
        return _reach.Value;
    }

    private int Reach(int side, int line, bool isDown, TerminableRun run)
    {
        using var input = new BoundTensor(_input.Dtype, 1, Channels, side, side);
        var noise = new float[Channels * side * side];
        NoiseNames.Create(NoiseKind.TorchCuda, 0, Diffusion.Noise.NoiseDtype.Float32).FillNormal(noise);
        for (int i = 0; i < noise.Length; i++)
        {
            input.Values[i] = noise[i] = Math.Clamp(0.5f + 0.25f * noise[i], 0, 1);
        }
        Tensor whole = Run(input, run);
        for (int i = 0; i < noise.Length; i++)
        {
            int place = isDown ? i / side % side : i % side;
            input.Values[i] = place < line ? noise[i] : 1 - noise[i];
        }
        Tensor changed = Run(input, run);
        int first = line * Scale, large = side * Scale;
        for (int i = 0; i < whole.Values.Length; i++)
        {
            int place = isDown ? i / large % large : i % large;
            if (place < first && !(Math.Abs(whole.Values[i] - changed.Values[i]) <= Change))
            {
                first = place;
            }
        }
        return (line * Scale - first + Scale - 1) / Scale;
    }

    private void RequireSize(Tensor made, int height, int width, int scale)
    {
        if (!made.Shape.SequenceEqual([1, Channels, height * scale, width * scale]))
        {
            throw new ModelException(
                $"{_graph.File} made [{string.Join(", ", made.Shape)}] of an image of [1, {Channels}, {height}, {width}]; an upscaler makes [1, "
                    + $"{Channels}, scale * height, scale * width]");
        }
    }

    private Tensor Run(BoundTensor input, TerminableRun run)
    {
        input.Push();
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                run.Execute(options => _graph.Session.Run(options, [_input.Name], [input.Value], [_graph.Outputs[0].Name]));
            return outputs[0].ToTensor();
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException($"{_graph.File} failed: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }
}
