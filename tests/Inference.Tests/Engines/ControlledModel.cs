using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;
using Brownian.Requests.References;

namespace Brownian.Inference.Tests.Engines;

/// <summary>A UNet and ControlNets of some files, combined in the way of the engines.</summary>
internal sealed class ControlledModel : IDenoiser, IDisposable
{
    private readonly Dictionary<ControlNetReference, ControlNet> _nets = [];
    private readonly List<ControlNetGraph> _loaded = [];
    private readonly ControlledDenoiser _denoiser;

    public ControlledModel(string unet, params IReadOnlyList<GraphFile> nets)
    {
        var settings = new SessionSettings(Threads: 1);
        Local = new LocalDenoiser(OnnxGraph.Load(unet, settings));
        foreach (GraphFile file in nets)
        {
            ControlNetGraph? graph = null;
            _nets.Add(new ControlNetReference(file.Part), new ControlNet(file, () =>
            {
                if (graph is null)
                {
                    _loaded.Add(graph = new ControlNetGraph(OnnxGraph.Load(file.File, settings)));
                }
                return graph;
            }));
        }
        _denoiser = new ControlledDenoiser(Local, _nets);
    }

    public LocalDenoiser Local { get; }

    /// <summary>A run at its first evaluation.</summary>
    public DenoiseRun Start(DenoiseTask task) => Local.Start(task, _nets);

    public Task<IReadOnlyList<DenoiseResult>> DenoiseAsync(
        IReadOnlyList<DenoiseTask> tasks, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken) =>
        _denoiser.DenoiseAsync(tasks, progress, cancellationToken);

    public IDenoising Begin(DenoiseTask task) => _denoiser.Begin(task);

    public IDenoising Restore(DenoiseTask task, ReadOnlyMemory<byte> state) => _denoiser.Restore(task, state);

    public void Dispose()
    {
        Local.Dispose();
        _loaded.ForEach(graph => graph.Dispose());
    }
}
