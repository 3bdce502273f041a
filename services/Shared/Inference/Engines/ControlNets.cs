using System.Numerics.Tensors;
using Brownian.Inference.Sessions;
using Brownian.Requests.References;

namespace Brownian.Inference.Engines;

/// <summary>Computes the residuals of ControlNets for a UNet. Not safe for concurrent use, except for <see cref="Join"/>.</summary>
internal sealed class ControlNets
{
    private readonly DenoiserGraph _unet;
    private readonly float[] _shares;

    /// <param name="unet">The UNet that the ControlNets add to.</param>
    public ControlNets(DenoiserGraph unet)
    {
        _unet = unet;
        // torch.logspace(-1, 0, n): a tenth at the first layer, the full value in the middle block.
        int last = (unet.Layers?.Inputs.Count ?? 0) - 1;
        _shares = [.. Enumerable.Range(0, last + 1).Select(i => (float)Math.Pow(10, -1 + (double)i / last))];
    }

    /// <summary>Assigns a run the ControlNets that its task names.</summary>
    /// <exception cref="ArgumentException">The task names a ControlNet that does not exist, or the UNet supports none.</exception>
    public void Join(DenoiseRun run, IReadOnlyDictionary<ControlNetReference, ControlNet> controlNets)
    {
        foreach (ControlRun control in run.Controls)
        {
            if (_unet.Layers is null)
            {
                throw new ArgumentException($"{_unet.Graph.File} has no inputs for ControlNets (down_block_0, ..., mid_block)", nameof(run));
            }
            control.Net = controlNets.TryGetValue(control.Condition.Net, out ControlNet? net) ? net : throw new ArgumentException(
                $"There is no ControlNet {control.Condition.Net.Name}; there are: "
                    + $"{(controlNets.Count == 0 ? "none" : string.Join(
                        ", ", controlNets.Keys.Select(known => known.Name).Order(StringComparer.Ordinal)))}",
                nameof(run));
        }
    }

    /// <summary>
    /// Writes the residuals of the ControlNets for the next evaluation's rows, and zeros for rows without ControlNets. Allocates nothing once the
    /// graphs are loaded and their buffers are created.
    /// </summary>
    /// <param name="batch">The batch, with its members gathered.</param>
    /// <param name="binding">The UNet's binding, with its samples written.</param>
    /// <param name="run">The means to run graphs.</param>
    public void Apply(DenoiseBatch batch, DenoiserBinding binding, TerminableRun run)
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

    private void Add(DenoiseRun member, ControlRun control, float scale, DenoiserBinding binding, int row, TerminableRun run)
    {
        ControlNetGraph graph = control.Net!.Graph;
        lock (graph.Turn)
        {
            graph.Fit(_unet);
            Add(member, control, graph, scale, binding, row, run);
        }
    }

    private void Add(DenoiseRun member, ControlRun control, ControlNetGraph graph, float scale, DenoiserBinding binding, int row, TerminableRun run)
    {
        // The configuration of the first ControlNet applies to all, as in the reference's pipelines.
        bool guesses = control.Condition.GuessMode || member.Controls[0].Net!.Pools;
        (int first, int rows) = guesses ? (member.Passes.Prompt, Math.Max(1, member.Task.Prompts.Count)) : (0, member.Rows);
        DenoiserSize size = member.Size;
        int scaleOfVae = control.Condition.Image.Shape[2] / size.Height;
        ControlNetBinding own = graph.Bind(new ControlNetSize(
            rows, size.OutputChannels, size.Height, size.Width, scaleOfVae, size.Tokens, size.EmbeddingWidth, graph.Pooled is null ? 0
                : size.PooledWidth, graph.TimeIds is null ? 0
                : size.TimeIds));
        if (own.ConditionsOwner != control.Identity || member.Passes.Change)
        {
            own.ConditionsOwner = null;
            for (int i = 0; i < rows; i++)
            {
                own.SetImage(i, control.Condition.Image.Values);
                own.SetEmbedding(i, member.Passes.Embedding(first + i));
                if (graph.Pooled is not null)
                {
                    own.SetPooled(i, member.Passes.Pooled(first + i), member.Passes.TimeIds(first + i));
                }
            }
            own.ConditionsOwner = control.Identity;
        }
        for (int i = 0; i < rows; i++)
        {
            // An inpainting model's additional channels are not passed to ControlNets.
            binding.Input(row + first + i)[..member.Latents.Length].CopyTo(own.Sample(i));
        }
        own.SetTimestep(member.Scheduler.Timestep);
        own.SetScale(scale);
        own.Run(run);
        bool spreads = guesses && !control.Net!.Pools;
        for (int i = 0; i < rows; i++)
        {
            for (int residual = 0; residual < _shares.Length; residual++)
            {
                Span<float> sum = binding.Residual(residual, row + first + i);
                ReadOnlySpan<float> residualOutput = own.Output(residual, i);
                if (spreads)
                {
                    TensorPrimitives.MultiplyAdd(residualOutput, _shares[residual], sum, sum);
                }
                else
                {
                    TensorPrimitives.Add(residualOutput, sum, sum);
                }
            }
        }
    }
}
