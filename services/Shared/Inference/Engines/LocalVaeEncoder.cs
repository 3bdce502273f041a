using Brownian.Inference.Images;
using Brownian.Inference.Models;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;
using Tensor = Brownian.Inference.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>A VAE encoder in this process.</summary>
public sealed class LocalVaeEncoder : IVaeEncoder, IDisposable
{
    private readonly EngineThread _thread = new("vae-encoder");
    private readonly OnnxGraph _graph;
    private readonly GraphTensor _sample;
    private readonly string _output;

    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <exception cref="ModelException">The graph is no VAE encoder.</exception>
    public LocalVaeEncoder(OnnxGraph graph)
    {
        _graph = graph;
        _sample = graph.FindInput("sample", "images", "image") is { Rank: 4 } sample
            ? sample
            : throw new ModelException($"{graph.File} is no VAE encoder: it has no input sample of four dimensions");
        _output = graph.FindOutput("latent_parameters", "latent_sample", "latent_dist", "latents")?.Name
            ?? throw new ModelException($"{graph.File} is no VAE encoder: it has no output latent_parameters or latent_sample");
    }

    /// <inheritdoc/>
    public Task<Tensor> EncodeAsync(PixelImage image, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            using var input = new BoundTensor(_sample.Dtype, 1, 3, image.Height, image.Width);
            image.ToModel(input.Values);
            input.Push();
            try
            {
                using IDisposableReadOnlyCollection<OrtValue> outputs = run.Execute(options => _graph.Session.Run(options, [_sample.Name], [input.Value], [_output]));
                return outputs[0].ToTensor();
            }
            catch (OnnxRuntimeException exception)
            {
                throw new ModelException($"{_graph.File} failed on a picture of {image.Width}x{image.Height}: {exception.Message.ReplaceLineEndings(" ")}", exception);
            }
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }
}
