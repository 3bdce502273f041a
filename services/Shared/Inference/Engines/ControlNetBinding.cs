using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Brownian.Models.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// The buffers of a ControlNet for one size, bound once. When the graph fixes its batch size, the rows are spread over as many runs as needed.
/// </summary>
internal sealed class ControlNetBinding : IDisposable
{
    private readonly ControlNetGraph _graph;
    private readonly int _rowsPerRun;
    private readonly Part[] _parts;

    public ControlNetBinding(ControlNetGraph graph, ControlNetSize size)
    {
        (_graph, Size) = (graph, size);
        _rowsPerRun = graph.Sample.Fixed(0) ?? graph.Embedding.Fixed(0) ?? size.Rows;
        _parts = new Part[(size.Rows + _rowsPerRun - 1) / _rowsPerRun];
        for (int i = 0; i < _parts.Length; i++)
        {
            _parts[i] = new Part(graph, _rowsPerRun, size);
        }
    }

    public ControlNetSize Size { get; }

    /// <summary>The run whose image and embeddings the rows contain, by <see cref="ControlRun.Identity"/>; null for none.</summary>
    public object? ConditionsOwner { get; set; }

    /// <summary>Returns the buffer of a row's latents.</summary>
    public Span<float> Sample(int row) => Row(_parts[row / _rowsPerRun].Sample, row);

    /// <summary>Returns a row's residual after a run.</summary>
    /// <param name="index">The index in <see cref="ControlNetGraph.Outputs"/>.</param>
    /// <param name="row">The row.</param>
    public ReadOnlySpan<float> Output(int index, int row) => Row(_parts[row / _rowsPerRun].Outputs[index], row);

    /// <summary>Sets a row's image. It is kept from run to run, as are the values below.</summary>
    public void SetImage(int row, ReadOnlySpan<float> image) => Set(row, _parts[row / _rowsPerRun].Image, image);

    /// <summary>Sets a row's embedding.</summary>
    public void SetEmbedding(int row, ReadOnlySpan<float> embedding) => Set(row, _parts[row / _rowsPerRun].Embedding, embedding);

    /// <summary>Sets a row's pooled embedding and sizes.</summary>
    public void SetPooled(int row, ReadOnlySpan<float> pooled, ReadOnlySpan<float> timeIds)
    {
        Set(row, _parts[row / _rowsPerRun].Pooled!, pooled);
        Set(row, _parts[row / _rowsPerRun].TimeIds!, timeIds);
    }

    /// <summary>Sets every row's timestep.</summary>
    public void SetTimestep(float timestep)
    {
        foreach (Part part in _parts)
        {
            part.Timestep.Values.Fill(timestep);
        }
    }

    /// <summary>Sets the factor of the outputs.</summary>
    public void SetScale(float scale)
    {
        foreach (Part part in _parts)
        {
            part.Scale.Values.Fill(scale);
        }
    }

    /// <summary>Evaluates all rows. Allocates nothing.</summary>
    /// <exception cref="ModelException">The graph failed.</exception>
    public void Run(TerminableRun run)
    {
        try
        {
            foreach (Part part in _parts)
            {
                part.Run(_graph, run);
            }
        }
        catch (OnnxRuntimeException exception)
        {
            throw new ModelException(
                $"{_graph.Graph.File} failed on latents of [{Size.Channels}, {Size.Height}, {Size.Width}] and an image of "
                    + $"{Size.Width * Size.Scale}x{Size.Height * Size.Scale}: "
                + exception.Message.ReplaceLineEndings(" "),
                exception);
        }
    }

    public void Dispose()
    {
        foreach (Part part in _parts)
        {
            part.Dispose();
        }
    }

    private Span<float> Row(BoundTensor tensor, int row)
    {
        int length = tensor.Values.Length / _rowsPerRun;
        return tensor.Values.Slice(row % _rowsPerRun * length, length);
    }

    private void Set(int row, BoundTensor tensor, ReadOnlySpan<float> values)
    {
        values.CopyTo(Row(tensor, row));
        _parts[row / _rowsPerRun].ConditionsChanged = true;
    }

    /// <summary>The buffers of one run.</summary>
    private sealed class Part : IDisposable
    {
        private readonly OrtIoBinding _binding;
        private readonly bool _rebinds;
        private readonly (string Name, BoundTensor Tensor)[] _changing;
        private readonly (string Name, BoundTensor Tensor)[] _conditions;

        public Part(ControlNetGraph graph, int rows, ControlNetSize size)
        {
            Sample = new BoundTensor(graph.Sample.Dtype, rows, size.Channels, size.Height, size.Width);
            Timestep = graph.Timestep.Rank == 0
                ? new BoundTensor(graph.Timestep.Dtype)
                : new BoundTensor(graph.Timestep.Dtype, graph.Timestep.Fixed(0) ?? rows);
            Scale = graph.Scale.Rank == 0 ? new BoundTensor(graph.Scale.Dtype) : new BoundTensor(graph.Scale.Dtype, 1);
            Embedding = new BoundTensor(graph.Embedding.Dtype, rows, size.Tokens, size.EmbeddingWidth);
            Image = new BoundTensor(graph.Image.Dtype, rows, 3, size.Height * size.Scale, size.Width * size.Scale);
            Pooled = graph.Pooled is { } pooled ? new BoundTensor(pooled.Dtype, rows, size.PooledWidth) : null;
            TimeIds = graph.TimeIds is { } timeIds ? new BoundTensor(timeIds.Dtype, rows, size.TimeIds) : null;
            Outputs = [.. graph.Outputs.Select((output, i) => new BoundTensor(output.Dtype, graph.Layers!.Shape(i, rows, size.Height, size.Width)))];
            _changing = [(graph.Sample.Name, Sample), (graph.Timestep.Name, Timestep), (graph.Scale.Name, Scale)];
            _conditions = [(graph.Embedding.Name, Embedding), (graph.Image.Name, Image)];
            if (Pooled is not null)
            {
                _conditions = [.. _conditions, (graph.Pooled!.Name, Pooled), (graph.TimeIds!.Name, TimeIds!)];
            }
            // Inputs in CPU memory are copied to the device when they are bound, not when the graph runs.
            _rebinds = graph.Graph.Settings.Device.Kind != DeviceKind.Cpu;
            _binding = graph.Graph.Session.CreateIoBinding();
            foreach ((string name, BoundTensor tensor) in (ReadOnlySpan<(string, BoundTensor)>)[.. _changing, .. _conditions])
            {
                _binding.BindInput(name, tensor.Value);
            }
            for (int i = 0; i < Outputs.Length; i++)
            {
                _binding.BindOutput(graph.Outputs[i].Name, Outputs[i].Value);
            }
        }

        public BoundTensor Sample { get; }

        public BoundTensor Timestep { get; }

        public BoundTensor Scale { get; }

        public BoundTensor Embedding { get; }

        public BoundTensor Image { get; }

        public BoundTensor? Pooled { get; }

        public BoundTensor? TimeIds { get; }

        public BoundTensor[] Outputs { get; }

        public bool ConditionsChanged { get; set; }

        public void Run(ControlNetGraph graph, TerminableRun run)
        {
            Push(_changing);
            if (ConditionsChanged)
            {
                Push(_conditions);
                ConditionsChanged = false;
            }
            run.Execute(graph.Graph.Session, _binding);
            if (_rebinds)
            {
                _binding.SynchronizeBoundOutputs();
            }
            foreach (BoundTensor output in Outputs)
            {
                output.Pull();
            }
        }

        public void Dispose()
        {
            _binding.Dispose();
            foreach ((_, BoundTensor tensor) in (ReadOnlySpan<(string, BoundTensor)>)[.. _changing, .. _conditions])
            {
                tensor.Dispose();
            }
            foreach (BoundTensor output in Outputs)
            {
                output.Dispose();
            }
        }

        private void Push((string Name, BoundTensor Tensor)[] tensors)
        {
            foreach ((string name, BoundTensor tensor) in tensors)
            {
                tensor.Push();
                if (_rebinds)
                {
                    _binding.BindInput(name, tensor.Value);
                }
            }
        }
    }
}
