using Brownian.Diffusion.Numerics;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Brownian.Models.Stages;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>A VAE decoder in this process.</summary>
public sealed class LocalVaeDecoder : IVaeDecoder, IDisposable
{
    private readonly EngineThread _thread = new("vae-decoder");
    private readonly OnnxGraph _graph;
    private readonly GraphTensor _latents;
    private readonly string _output;
    private readonly LatentScaling _scaling;
    private readonly VaeTiling _tiling;

    /// <param name="graph">The decoder's graph; disposed with this object.</param>
    /// <param name="scaling">The conversion of the VAE's latents to the denoised ones.</param>
    /// <param name="tiling">How the latents are cut into tiles when decoding is tiled.</param>
    /// <exception cref="ModelException">The graph is not a VAE decoder.</exception>
    public LocalVaeDecoder(OnnxGraph graph, LatentScaling scaling, VaeTiling tiling)
    {
        _graph = graph;
        _scaling = scaling;
        _tiling = tiling;
        _latents = graph.FindInput("latent_sample", "latents", "latent") is { Rank: 4 } latents
            ? latents
            : throw new ModelException($"{graph.File} is not a VAE decoder: it has no input latent_sample of four dimensions");
        _output = graph.FindOutput("sample", "images", "image")?.Name
            ?? throw new ModelException($"{graph.File} is not a VAE decoder: it has no output sample");
    }

    /// <summary>The graph with its inputs and outputs.</summary>
    public OnnxGraph Graph => _graph;

    /// <summary>The channels of latents, when the graph fixes them.</summary>
    public int? Channels => _latents.Fixed(1);

    /// <inheritdoc/>
    public Task<PixelImage> DecodeAsync(
        Tensor latents, bool tiled, CancellationToken cancellationToken, bool withoutShift = false) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            LatentScaling scaling = withoutShift ? _scaling with { Shift = 0 } : _scaling;
            Tensor image = tiled && _tiling.Cuts(latents.Shape[2], latents.Shape[3])
                ? _tiling.Decode(latents, tile => Run(tile, run, scaling))
                : Run(latents, run, scaling);
            if (!Finite.All(image.Values))
            {
                throw new DenoiseException(
                    $"The image is not finite (NaN or infinity) after {_graph.File}: the decoder or its precision cannot follow "
                        + $"these latents; try a float32 export of it");
            }
            return image.Shape is [_, 3, int height, int width]
                ? PixelImage.FromModel(image.Values, width, height)
                : throw new ModelException($"{_graph.File} gave [{string.Join(", ", image.Shape)}], not an image of three channels");
        },
        cancellationToken);

    /// <summary>Measures the number of pixels per side of one latent with a small run.</summary>
    /// <param name="channels">The channels of latents.</param>
    internal int ProbeScale(int channels)
    {
        using var run = new TerminableRun(CancellationToken.None);
        int height = _latents.Fixed(2) ?? 2, width = _latents.Fixed(3) ?? 2;
        return Run(new Tensor(new float[channels * height * width], [1, channels, height, width]), run).Shape[2] / height;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }

    /// <summary>Returns the decoder's output, [1, 3, height, width] in about [-1, 1].</summary>
    internal Tensor Run(Tensor latents, TerminableRun run, LatentScaling? unscaling = null)
    {
        int rows = _latents.Fixed(0) ?? 1;
        using var input = new BoundTensor(_latents.Dtype, [rows, .. latents.Shape.Skip(1).Select(size => (long)size)]);
        (unscaling ?? _scaling).Unscale(latents.Values, input.Values[..latents.Values.Length]);
        input.Push();
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                run.Execute(options => _graph.Session.Run(options, [_latents.Name], [input.Value], [_output]));
            Tensor all = outputs[0].ToTensor();
            return new Tensor(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{_graph.File} failed on latents of [{string.Join(", ", latents.Shape)}]: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }
}
