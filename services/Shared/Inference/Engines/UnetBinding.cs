using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// The buffers of a UNet for one batch size and picture size, bound once. Where the graph fixes its batch, the rows are spread over as many
/// runs as it takes. A row is one picture's pass: with guidance a picture has two.
/// </summary>
internal sealed class UnetBinding : IDisposable
{
    private readonly UnetGraph _unet;
    private readonly int[] _shape;
    private readonly int _rows;
    private readonly int _tokens;
    private readonly int _width;
    private readonly int _rowsPerRun;
    private readonly Part[] _parts;

    public UnetBinding(UnetGraph unet, int rows, IReadOnlyList<int> shape, int tokens, int width)
    {
        (_unet, _rows, _tokens, _width) = (unet, rows, tokens, width);
        _shape = [.. shape];
        _rowsPerRun = unet.Sample.Fixed(0) ?? unet.Embedding.Fixed(0) ?? rows;
        _parts = new Part[(rows + _rowsPerRun - 1) / _rowsPerRun];
        for (int i = 0; i < _parts.Length; i++)
        {
            _parts[i] = new Part(unet, _rowsPerRun, _shape, tokens, width);
        }
    }

    /// <summary>Which batch's embeddings the rows hold, by <see cref="DenoiseBatch.Identity"/>; null for none.</summary>
    public object? EmbeddingsOf { get; set; }

    private int RowLength => _shape[0] * _shape[1] * _shape[2];

    public bool Fits(int rows, IReadOnlyList<int> shape, int tokens, int width) =>
        rows == _rows && tokens == _tokens && width == _width && shape[0] == _shape[0] && shape[1] == _shape[1] && shape[2] == _shape[2];

    /// <summary>Where a row's sample is written.</summary>
    public Span<float> Input(int row) => _parts[row / _rowsPerRun].Sample.Values.Slice(row % _rowsPerRun * RowLength, RowLength);

    /// <summary>Where a row's prediction is read, after a run; the caller may change it.</summary>
    public Span<float> Output(int row)
    {
        Span<float> values = _parts[row / _rowsPerRun].Output.Values;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>Sets a row's embedding, which stays from run to run.</summary>
    public void SetEmbedding(int row, ReadOnlySpan<float> embedding)
    {
        Part part = _parts[row / _rowsPerRun];
        embedding.CopyTo(part.Embedding.Values.Slice(row % _rowsPerRun * embedding.Length, embedding.Length));
        part.EmbeddingChanged = true;
    }

    /// <summary>Sets every row's timestep.</summary>
    public void SetTimestep(float timestep)
    {
        foreach (Part part in _parts)
        {
            part.Timestep.Values.Fill(timestep);
        }
    }

    /// <summary>Sets one row's timestep, in graphs that take one a row.</summary>
    public void SetTimestep(int row, float timestep) => _parts[row / _rowsPerRun].Timestep.Values[row % _rowsPerRun] = timestep;

    /// <summary>Evaluates all rows. Allocates nothing.</summary>
    public void Run(TerminableRun run)
    {
        foreach (Part part in _parts)
        {
            part.Run(_unet, run);
        }
    }

    public void Dispose()
    {
        foreach (Part part in _parts)
        {
            part.Dispose();
        }
    }

    /// <summary>The buffers of one run.</summary>
    private sealed class Part : IDisposable
    {
        private readonly OrtIoBinding _binding;
        private readonly bool _rebinds;

        public Part(UnetGraph unet, int rows, int[] shape, int tokens, int width)
        {
            Sample = new BoundTensor(unet.Sample.Dtype, rows, shape[0], shape[1], shape[2]);
            Timestep = unet.Timestep.Rank == 0
                ? new BoundTensor(unet.Timestep.Dtype)
                : new BoundTensor(unet.Timestep.Dtype, unet.Timestep.Fixed(0) ?? rows);
            Embedding = new BoundTensor(unet.Embedding.Dtype, rows, tokens, width);
            Output = new BoundTensor(unet.Output.Dtype, rows, unet.Output.Fixed(1) ?? shape[0], shape[1], shape[2]);
            // What is bound from the processor's memory is copied to a device when it is bound, not when the graph runs.
            _rebinds = unet.Graph.Settings.Device != Device.Cpu;
            _binding = unet.Graph.Session.CreateIoBinding();
            _binding.BindInput(unet.Sample.Name, Sample.Value);
            _binding.BindInput(unet.Timestep.Name, Timestep.Value);
            _binding.BindInput(unet.Embedding.Name, Embedding.Value);
            _binding.BindOutput(unet.Output.Name, Output.Value);
        }

        public BoundTensor Sample { get; }

        public BoundTensor Timestep { get; }

        public BoundTensor Embedding { get; }

        public BoundTensor Output { get; }

        public bool EmbeddingChanged { get; set; }

        public void Run(UnetGraph unet, TerminableRun run)
        {
            Sample.Push();
            Timestep.Push();
            if (EmbeddingChanged)
            {
                Embedding.Push();
            }
            if (_rebinds)
            {
                _binding.BindInput(unet.Sample.Name, Sample.Value);
                _binding.BindInput(unet.Timestep.Name, Timestep.Value);
                if (EmbeddingChanged)
                {
                    _binding.BindInput(unet.Embedding.Name, Embedding.Value);
                }
            }
            EmbeddingChanged = false;
            run.Execute(unet.Graph.Session, _binding);
            if (_rebinds)
            {
                _binding.SynchronizeBoundOutputs();
            }
            Output.Pull();
        }

        public void Dispose()
        {
            _binding.Dispose();
            Sample.Dispose();
            Timestep.Dispose();
            Embedding.Dispose();
            Output.Dispose();
        }
    }
}
