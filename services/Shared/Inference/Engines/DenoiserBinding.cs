using Brownian.Inference.Sessions;
using Brownian.Models.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Engines;

/// <summary>
/// The buffers of a denoiser for one batch size and image size, bound once. When the graph fixes its batch size, or the settings limit it, the rows
/// are spread over as many runs as needed. A row is one pass of one image: with guidance an image has two.
/// </summary>
internal sealed class DenoiserBinding : IDenoiserRows, IDisposable
{
    private readonly DenoiserGraph _denoiser;
    private readonly DenoiserSize _size;
    private readonly int _rowsPerRun;
    private readonly Part[] _parts;

    public DenoiserBinding(DenoiserGraph denoiser, int rows, DenoiserSize size)
    {
        (_denoiser, _size) = (denoiser, size);
        _rowsPerRun = denoiser.Sample.Fixed(0) ?? denoiser.Embedding?.Fixed(0) ?? Math.Min(rows, denoiser.Graph.Settings.RowsPerRun ?? rows);
        _parts = new Part[(rows + _rowsPerRun - 1) / _rowsPerRun];
        for (int i = 0; i < _parts.Length; i++)
        {
            _parts[i] = new Part(denoiser, _rowsPerRun, size);
        }
    }

    /// <summary>The batch whose embeddings the rows contain, by <see cref="DenoiseBatch.Identity"/>; null for none.</summary>
    public object? EmbeddingsOwner { get; set; }

    private int RowLength => _size.Channels * _size.Height * _size.Width;

    /// <inheritdoc/>
    public Span<float> Input(int row) => _parts[row / _rowsPerRun].Input.Slice(row % _rowsPerRun * RowLength, RowLength);

    /// <inheritdoc/>
    public Span<float> Output(int row)
    {
        Span<float> values = _parts[row / _rowsPerRun].Prediction;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>Sets a row's embedding. It is kept from run to run, as are the values below.</summary>
    public void SetEmbedding(int row, ReadOnlySpan<float> embedding) => Set(row, part => part.Embedding!, embedding);

    /// <summary>Sets a row's pooled embedding.</summary>
    public void SetPooled(int row, ReadOnlySpan<float> pooled) => Set(row, part => part.Pooled!, pooled);

    /// <summary>Sets a row's sizes.</summary>
    public void SetTimeIds(int row, ReadOnlySpan<float> timeIds) => Set(row, part => part.TimeIds!, timeIds);

    /// <summary>Sets a row of a further input.</summary>
    /// <param name="input">The index in <see cref="DenoiserGraph.ExtraInputs"/>.</param>
    /// <param name="row">The row.</param>
    /// <param name="values">The values; as many as the row has.</param>
    public void SetExtraInput(int input, int row, ReadOnlySpan<float> values) => Set(row, part => part.ExtraInputs[input], values);

    /// <summary>Returns the buffer of a row's guidance, a number or a vector.</summary>
    public Span<float> Guidance(int row)
    {
        Part part = _parts[row / _rowsPerRun];
        part.ConditionsChanged = true;
        Span<float> values = part.Guidance!.Values;
        int length = values.Length / _rowsPerRun;
        return values.Slice(row % _rowsPerRun * length, length);
    }

    /// <summary>Returns the buffer of a row's residual, which ControlNets add to; zeros after <see cref="ClearResiduals"/>.</summary>
    /// <param name="index">The index in <see cref="ControlLayers.Inputs"/>.</param>
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

    /// <summary>Sets the residuals of all rows to zero where they are not.</summary>
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
            part.Timestep.Values.Fill(timestep / _denoiser.TimestepDivisor);
        }
    }

    /// <summary>Sets one row's timestep, for graphs with one timestep per row.</summary>
    public void SetTimestep(int row, float timestep) =>
        _parts[row / _rowsPerRun].Timestep.Values[row % _rowsPerRun] = timestep / _denoiser.TimestepDivisor;

    /// <summary>Evaluates all rows. Allocates nothing.</summary>
    public void Run(TerminableRun run)
    {
        foreach (Part part in _parts)
        {
            part.Run(_denoiser, run);
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
        private readonly LatentPacking? _packing;
        private readonly float[] _unpacked = [];
        private readonly float[] _prediction = [];

        public Part(DenoiserGraph denoiser, int rows, DenoiserSize size)
        {
            int outputs = denoiser.Output.Fixed(1) ?? size.OutputChannels;
            if (denoiser.IsPacked)
            {
                _packing = new LatentPacking(rows, size.Height, size.Width);
                (_unpacked, _prediction) =
                    (new float[rows * size.Channels * size.Height * size.Width], new float[rows * size.OutputChannels * size.Height * size.Width]);
                Sample = new BoundTensor(denoiser.Sample.Dtype, rows, _packing.Squares, 4 * size.Channels);
                Output = new BoundTensor(denoiser.Output.Dtype, rows, _packing.Squares, 4 * size.OutputChannels);
            }
            else
            {
                long[] plane = denoiser.Sample.Rank == 2 ? [] : [size.Height, size.Width];
                Sample = new BoundTensor(denoiser.Sample.Dtype, [rows, size.Channels, .. plane]);
                Output = new BoundTensor(denoiser.Output.Dtype, [rows, outputs, .. plane]);
            }
            Timestep = denoiser.Timestep.Rank == 0
                ? new BoundTensor(denoiser.Timestep.Dtype)
                : new BoundTensor(denoiser.Timestep.Dtype, denoiser.Timestep.Fixed(0) ?? rows);
            Embedding = denoiser.Embedding is { } embedding ? new BoundTensor(embedding.Dtype, rows, size.Tokens, size.EmbeddingWidth) : null;
            Pooled = denoiser.Pooled is { } pooled ? new BoundTensor(pooled.Dtype, rows, size.PooledWidth) : null;
            TimeIds = denoiser.TimeIds is { } timeIds ? new BoundTensor(timeIds.Dtype, rows, size.TimeIds) : null;
            Guidance = denoiser.GuidanceCondition is { } condition ? new BoundTensor(condition.Dtype, rows, condition.Fixed(1) ?? 256)
                : denoiser.Guidance is { } guidance ? new BoundTensor(guidance.Dtype, rows)
                : null;
            ExtraInputs =
            [
                .. denoiser.ExtraInputs.Select((input, i) => new BoundTensor(input.Dtype, [rows, .. size.ExtraInputs[i].Select(side => (long)side)]))
            ];
            BoundTensor? imageIds = denoiser.ImageIds is { } places ? Places(places, rows, _packing!.Squares, _packing.FillPlaces) : null;
            BoundTensor? textIds = denoiser.TextIds is { } tokens ? Places(tokens, rows, size.Tokens, static places => places.Clear()) : null;
            Residuals =
            [
                .. (denoiser.Layers?.Inputs ?? [])
                    .Select((layer, i) => new BoundTensor(layer.Dtype, denoiser.Layers!.Shape(i, rows, size.Height, size.Width)))
            ];
            _conditions =
            [
                .. ((IEnumerable<(GraphTensor? Input, BoundTensor? Tensor)>)
                    [
                        (denoiser.Embedding, Embedding), (denoiser.Pooled, Pooled), (denoiser.TimeIds, TimeIds),
                        (denoiser.GuidanceCondition ?? denoiser.Guidance, Guidance),
                        (denoiser.ImageIds, imageIds), (denoiser.TextIds, textIds),
                        .. denoiser.ExtraInputs.Select((input, i) => (input, ExtraInputs[i])),
                    ])
                    .Where(condition => condition.Input is not null)
                    .Select(condition => (condition.Input!.Name, condition.Tensor!)),
            ];
            // Inputs in CPU memory are copied to the device when they are bound, not when the graph runs.
            _rebinds = denoiser.Graph.Settings.Device.Kind != DeviceKind.Cpu;
            _binding = denoiser.Graph.Session.CreateIoBinding();
            _binding.BindInput(denoiser.Sample.Name, Sample.Value);
            _binding.BindInput(denoiser.Timestep.Name, Timestep.Value);
            foreach ((string name, BoundTensor tensor) in _conditions)
            {
                _binding.BindInput(name, tensor.Value);
            }
            for (int i = 0; i < Residuals.Length; i++)
            {
                _binding.BindInput(denoiser.Layers!.Inputs[i].Name, Residuals[i].Value);
            }
            _binding.BindOutput(denoiser.Output.Name, Output.Value);
        }

        public BoundTensor Sample { get; }

        public BoundTensor Timestep { get; }

        /// <summary>The samples of all rows as [rows, channels, height, width].</summary>
        public Span<float> Input => _packing is null ? Sample.Values : _unpacked;

        /// <summary>The predictions of all rows as [rows, channels, height, width].</summary>
        public Span<float> Prediction => _packing is null ? Output.Values : _prediction;

        public BoundTensor? Embedding { get; }

        public BoundTensor? Pooled { get; }

        public BoundTensor? TimeIds { get; }

        public BoundTensor? Guidance { get; }

        public BoundTensor[] ExtraInputs { get; }

        public BoundTensor[] Residuals { get; }

        public BoundTensor Output { get; }

        public bool ConditionsChanged { get; set; }

        public bool ResidualsAreZero { get; set; } = true;

        public bool ResidualsChanged { get; set; }

        public void Run(DenoiserGraph denoiser, TerminableRun run)
        {
            _packing?.Pack(_unpacked, Sample.Values);
            Sample.Push();
            Timestep.Push();
            if (_rebinds)
            {
                _binding.BindInput(denoiser.Sample.Name, Sample.Value);
                _binding.BindInput(denoiser.Timestep.Name, Timestep.Value);
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
                    _binding.BindInput(denoiser.Layers!.Inputs[i].Name, Residuals[i].Value);
                }
            }
            ResidualsChanged = false;
            run.Execute(denoiser.Graph.Session, _binding);
            if (_rebinds)
            {
                _binding.SynchronizeBoundOutputs();
            }
            Output.Pull();
            _packing?.Unpack(Output.Values, _prediction);
        }

        /// <summary>Creates the positions of a sequence, the same for every row. Some exporters give them a batch dimension.</summary>
        private static BoundTensor Places(GraphTensor input, int rows, int count, Action<Span<float>> fill)
        {
            int copies = input.Rank == 3 ? input.Fixed(0) ?? rows : 1;
            BoundTensor tensor = input.Rank == 3 ? new BoundTensor(input.Dtype, copies, count, 3) : new BoundTensor(input.Dtype, count, 3);
            for (int i = 0; i < copies; i++)
            {
                fill(tensor.Values.Slice(i * count * 3, count * 3));
            }
            return tensor;
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
