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
    private readonly UnetSize _size;
    private readonly int _rowsPerRun;
    private readonly Part[] _parts;

    public UnetBinding(UnetGraph unet, int rows, UnetSize size)
    {
        (_unet, _size) = (unet, size);
        _rowsPerRun = unet.Sample.Fixed(0) ?? unet.Embedding.Fixed(0) ?? rows;
        _parts = new Part[(rows + _rowsPerRun - 1) / _rowsPerRun];
        for (int i = 0; i < _parts.Length; i++)
        {
            _parts[i] = new Part(unet, _rowsPerRun, size);
        }
    }

    /// <summary>Which batch's embeddings the rows hold, by <see cref="DenoiseBatch.Identity"/>; null for none.</summary>
    public object? EmbeddingsOf { get; set; }

    private int RowLength => _size.Channels * _size.Height * _size.Width;

    /// <summary>Where a row's sample is written.</summary>
    public Span<float> Input(int row) => _parts[row / _rowsPerRun].Sample.Values.Slice(row % _rowsPerRun * RowLength, RowLength);

    /// <summary>Where a row's prediction is read, after a run; the caller may change it.</summary>
    public Span<float> Output(int row)
    {
        Span<float> values = _parts[row / _rowsPerRun].Output.Values;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>Sets a row's embedding, which stays from run to run, as do the ones below.</summary>
    public void SetEmbedding(int row, ReadOnlySpan<float> embedding) => Set(row, part => part.Embedding, embedding);

    /// <summary>Sets a row's pooled embedding.</summary>
    public void SetPooled(int row, ReadOnlySpan<float> pooled) => Set(row, part => part.Pooled!, pooled);

    /// <summary>Sets a row's sizes.</summary>
    public void SetTimeIds(int row, ReadOnlySpan<float> timeIds) => Set(row, part => part.TimeIds!, timeIds);

    /// <summary>A row's guidance vector, to be filled.</summary>
    public Span<float> GuidanceCondition(int row)
    {
        Part part = _parts[row / _rowsPerRun];
        part.ConditionsChanged = true;
        Span<float> values = part.GuidanceCondition!.Values;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>What ControlNets say to a row, to be added to; zeros after <see cref="ClearResiduals"/>.</summary>
    /// <param name="index">Of <see cref="UnetGraph.Residuals"/>.</param>
    /// <param name="row">The row.</param>
    public Span<float> Residual(int index, int row)
    {
        Part part = _parts[row / _rowsPerRun];
        part.ResidualsAreZero = false;
        part.ResidualsChanged = true;
        Span<float> values = part.Residuals[index].Values;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>Makes what ControlNets say zeros in all rows, where it is not.</summary>
    public void ClearResiduals()
    {
        foreach (Part part in _parts)
        {
            if (part.ResidualsAreZero)
            {
                continue;
            }
            foreach (BoundTensor residual in part.Residuals)
            {
                residual.Values.Clear();
            }
            part.ResidualsAreZero = true;
            part.ResidualsChanged = true;
        }
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

    private void Set(int row, Func<Part, BoundTensor> tensor, ReadOnlySpan<float> values)
    {
        Part part = _parts[row / _rowsPerRun];
        values.CopyTo(tensor(part).Values.Slice(row % _rowsPerRun * values.Length, values.Length));
        part.ConditionsChanged = true;
    }

    /// <summary>The buffers of one run.</summary>
    private sealed class Part : IDisposable
    {
        private readonly OrtIoBinding _binding;
        private readonly bool _rebinds;
        private readonly (string Name, BoundTensor Tensor)[] _conditions;

        public Part(UnetGraph unet, int rows, UnetSize size)
        {
            Sample = new BoundTensor(unet.Sample.Dtype, rows, size.Channels, size.Height, size.Width);
            Timestep = unet.Timestep.Rank == 0
                ? new BoundTensor(unet.Timestep.Dtype)
                : new BoundTensor(unet.Timestep.Dtype, unet.Timestep.Fixed(0) ?? rows);
            Embedding = new BoundTensor(unet.Embedding.Dtype, rows, size.Tokens, size.EmbeddingWidth);
            Pooled = unet.Pooled is { } pooled ? new BoundTensor(pooled.Dtype, rows, size.PooledWidth) : null;
            TimeIds = unet.TimeIds is { } timeIds ? new BoundTensor(timeIds.Dtype, rows, size.TimeIds) : null;
            GuidanceCondition = unet.GuidanceCondition is { } condition ? new BoundTensor(condition.Dtype, rows, condition.Fixed(1) ?? 256) : null;
            Residuals = [.. unet.Residuals.Select((residual, i) => new BoundTensor(residual.Dtype, unet.ResidualShape(i, rows, size.Height, size.Width)))];
            Output = new BoundTensor(unet.Output.Dtype, rows, unet.Output.Fixed(1) ?? size.OutputChannels, size.Height, size.Width);
            _conditions =
            [
                .. new (GraphTensor? Input, BoundTensor? Tensor)[]
                    {
                        (unet.Embedding, Embedding), (unet.Pooled, Pooled), (unet.TimeIds, TimeIds), (unet.GuidanceCondition, GuidanceCondition),
                    }
                    .Where(condition => condition.Input is not null)
                    .Select(condition => (condition.Input!.Name, condition.Tensor!)),
            ];
            // What is bound from the processor's memory is copied to a device when it is bound, not when the graph runs.
            _rebinds = unet.Graph.Settings.Device != Device.Cpu;
            _binding = unet.Graph.Session.CreateIoBinding();
            _binding.BindInput(unet.Sample.Name, Sample.Value);
            _binding.BindInput(unet.Timestep.Name, Timestep.Value);
            foreach ((string name, BoundTensor tensor) in _conditions)
            {
                _binding.BindInput(name, tensor.Value);
            }
            for (int i = 0; i < Residuals.Length; i++)
            {
                _binding.BindInput(unet.Residuals[i].Name, Residuals[i].Value);
            }
            _binding.BindOutput(unet.Output.Name, Output.Value);
        }

        public BoundTensor Sample { get; }

        public BoundTensor Timestep { get; }

        public BoundTensor Embedding { get; }

        public BoundTensor? Pooled { get; }

        public BoundTensor? TimeIds { get; }

        public BoundTensor? GuidanceCondition { get; }

        public BoundTensor[] Residuals { get; }

        public BoundTensor Output { get; }

        public bool ConditionsChanged { get; set; }

        public bool ResidualsAreZero { get; set; } = true;

        public bool ResidualsChanged { get; set; }

        public void Run(UnetGraph unet, TerminableRun run)
        {
            Sample.Push();
            Timestep.Push();
            if (_rebinds)
            {
                _binding.BindInput(unet.Sample.Name, Sample.Value);
                _binding.BindInput(unet.Timestep.Name, Timestep.Value);
            }
            if (ConditionsChanged)
            {
                foreach ((string name, BoundTensor tensor) in _conditions)
                {
                    tensor.Push();
                    if (_rebinds)
                    {
                        _binding.BindInput(name, tensor.Value);
                    }
                }
                ConditionsChanged = false;
            }
            for (int i = 0; ResidualsChanged && i < Residuals.Length; i++)
            {
                Residuals[i].Push();
                if (_rebinds)
                {
                    _binding.BindInput(unet.Residuals[i].Name, Residuals[i].Value);
                }
            }
            ResidualsChanged = false;
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
            Output.Dispose();
            foreach (BoundTensor residual in Residuals)
            {
                residual.Dispose();
            }
            foreach ((_, BoundTensor tensor) in _conditions)
            {
                tensor.Dispose();
            }
        }
    }
}
