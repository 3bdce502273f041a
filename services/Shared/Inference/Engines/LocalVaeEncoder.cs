using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Models.Facts;
using Microsoft.ML.OnnxRuntime;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>A VAE encoder in this process.</summary>
public sealed class LocalVaeEncoder : IVaeEncoder, IDisposable
{
    private readonly EngineThread _thread = new("vae-encoder");
    private readonly OnnxGraph _graph;
    private readonly VaeTiling _tiling;
    private readonly GraphTensor _sample;
    private readonly string _output;

    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <param name="tiling">How the image is cut into tiles when encoding is tiled.</param>
    /// <exception cref="ModelException">The graph is not a VAE encoder.</exception>
    public LocalVaeEncoder(OnnxGraph graph, VaeTiling tiling)
    {
        _tiling = tiling;
        _graph = graph;
        _sample = graph.FindInput("sample", "images", "image") is { Rank: 4 } sample
            ? sample
            : throw new ModelException($"{graph.File} is not a VAE encoder: it has no input sample of four dimensions");
        _output = graph.FindOutput("latent_parameters", "latent_sample", "latent_dist", "latents")?.Name
            ?? throw new ModelException($"{graph.File} is not a VAE encoder: it has no output latent_parameters or latent_sample");
    }

    /// <inheritdoc/>
    public Task<Tensor> EncodeAsync(Tensor image, bool tiled, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            return tiled && (image.Shape[2] > _tiling.Pixels || image.Shape[3] > _tiling.Pixels)
                ? _tiling.Encode(image, tile => Run(tile, run))
                : Run(image, run);
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }

    private Tensor Run(Tensor image, TerminableRun run)
    {
        int rows = _sample.Fixed(0) ?? 1;
        using var input = new BoundTensor(_sample.Dtype, [rows, .. image.Shape.Skip(1).Select(size => (long)size)]);
        image.Values.CopyTo(input.Values);
        input.Push();
        try
        {
            using IDisposableReadOnlyCollection<OrtValue> outputs =
                run.Execute(options => _graph.Session.Run(options, [_sample.Name], [input.Value], [_output]));
            Tensor all = outputs[0].ToTensor();
            return new Tensor(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{_graph.File} failed on an image of {image.Shape[3]}x{image.Shape[2]}: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }
}
