using System.Collections.Frozen;
using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Brownian.Inference.Models;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>The ControlNets of a model, each loaded when it is first wanted. Used by one thread at a time, but for <see cref="Require"/>.</summary>
internal sealed class ControlNets : IDisposable
{
    private readonly DenoiserGraph _unet;
    private readonly FrozenDictionary<string, GraphFile> _files;
    private readonly FrozenSet<string> _pooling;
    private readonly Dictionary<string, ControlNetGraph> _graphs = new(StringComparer.Ordinal);
    private readonly float[] _shares;

    /// <param name="unet">What they speak to.</param>
    /// <param name="files">Their graphs.</param>
    public ControlNets(DenoiserGraph unet, IReadOnlyList<GraphFile> files)
    {
        _unet = unet;
        _files = files.ToFrozenDictionary(file => file.Part, StringComparer.Ordinal);
        _pooling = files.Where(Pools).Select(file => file.Part).ToFrozenSet(StringComparer.Ordinal);
        // torch.logspace(-1, 0, n): a tenth at the first layer, all in the middle.
        int last = unet.Residuals.Count - 1;
        _shares = [.. Enumerable.Range(0, last + 1).Select(i => (float)Math.Pow(10, -1 + (double)i / last))];
    }

    /// <summary>Refuses a task with ControlNets that the model does not have.</summary>
    /// <exception cref="ArgumentException">It names one that is not there, or the UNet hears none.</exception>
    public void Require(DenoiseTask task)
    {
        foreach (ControlCondition control in task.Controls)
        {
            if (_unet.Residuals.Count == 0)
            {
                throw new ArgumentException($"{_unet.Graph.File} has no inputs for ControlNets (down_block_0, ..., mid_block)", nameof(task));
            }
            if (!_files.ContainsKey(control.Net))
            {
                throw new ArgumentException($"There is no ControlNet {control.Net}; there are: {(_files.Count == 0 ? "none" : string.Join(", ", _files.Keys.Order(StringComparer.Ordinal)))}", nameof(task));
            }
        }
    }

    /// <summary>
    /// Writes what the ControlNets say to the next evaluation's rows; zeros to those that have none. Allocates nothing once the graphs are
    /// loaded and their buffers made.
    /// </summary>
    /// <param name="batch">Gathered.</param>
    /// <param name="binding">The UNet's, its samples written.</param>
    /// <param name="run">The means to run graphs.</param>
    public void Say(DenoiseBatch batch, DenoiserBinding binding, TerminableRun run)
    {
        binding.ClearResiduals();
        int row = 0;
        foreach (DenoiseRun member in batch.Members)
        {
            foreach (ControlRun control in member.Controls)
            {
                double scale = control.Condition.ScaleAt(member.Evaluation, member.Evaluations);
                if (scale != 0)
                {
                    Add(member, control, (float)scale, binding, row, run);
                }
            }
            row += member.Rows;
        }
    }

    public void Dispose()
    {
        foreach (ControlNetGraph graph in _graphs.Values)
        {
            graph.Dispose();
        }
    }

    private void Add(DenoiseRun member, ControlRun control, float scale, DenoiserBinding binding, int row, TerminableRun run)
    {
        ControlNetGraph graph = Load(control.Condition.Net);
        // The first one's configuration speaks for all, as in the reference's pipelines.
        bool guesses = control.Condition.GuessMode || _pooling.Contains(member.Controls[0].Condition.Net);
        (int first, int rows) = guesses ? (member.PromptRow, Math.Max(1, member.Task.Prompts.Count)) : (0, member.Rows);
        DenoiserSize size = member.Size;
        int scaleOfVae = control.Condition.Image.Shape[2] / size.Height;
        ControlNetBinding own = graph.Bind(new ControlNetSize(
            rows, size.OutputChannels, size.Height, size.Width, scaleOfVae, size.Tokens, size.EmbeddingWidth, graph.Pooled is null ? 0 : size.PooledWidth, graph.TimeIds is null ? 0 : size.TimeIds));
        if (own.ConditionsOf != control.Identity || member.ChangesConditions)
        {
            own.ConditionsOf = null;
            for (int i = 0; i < rows; i++)
            {
                own.SetImage(i, control.Condition.Image.Values);
                own.SetEmbedding(i, member.Embedding(first + i));
                if (graph.Pooled is not null)
                {
                    own.SetPooled(i, member.Pooled(first + i), member.TimeIds(first + i));
                }
            }
            own.ConditionsOf = control.Identity;
        }
        for (int i = 0; i < rows; i++)
        {
            // What an inpainting model sees beside the latents is not for ControlNets.
            binding.Input(row + first + i)[..member.Latents.Length].CopyTo(own.Sample(i));
        }
        own.SetTimestep(member.Scheduler.Timestep);
        own.SetScale(scale);
        own.Run(run);
        bool spreads = guesses && !graph.Pools;
        for (int i = 0; i < rows; i++)
        {
            for (int residual = 0; residual < _unet.Residuals.Count; residual++)
            {
                Span<float> sum = binding.Residual(residual, row + first + i);
                ReadOnlySpan<float> said = own.Output(residual, i);
                if (spreads)
                {
                    TensorPrimitives.MultiplyAdd(said, _shares[residual], sum, sum);
                }
                else
                {
                    TensorPrimitives.Add(said, sum, sum);
                }
            }
        }
    }

    /// <summary>Whether a ControlNet says the same to every place of a layer, as those that are shown a shuffled picture do.</summary>
    private static bool Pools(GraphFile file) => file.Config?["global_pool_conditions"] is JsonValue value && value.TryGetValue(out bool pools) && pools;

    private ControlNetGraph Load(string net)
    {
        if (!_graphs.TryGetValue(net, out ControlNetGraph? graph))
        {
            graph = new ControlNetGraph(OnnxGraph.Load(_files[net].File, _unet.Graph.Settings), _unet, _pooling.Contains(net));
            _graphs.Add(net, graph);
        }
        return graph;
    }
}
