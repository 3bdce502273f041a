using System.Numerics.Tensors;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>
/// The rows of one run over whole latents, of which the model receives one window at a time. A window's weights fall linearly towards its borders
/// within the overlap. The weights of every latent are divided by their sum. Allocates only when an evaluation has more rows than any before it.
/// </summary>
internal sealed class LatentWindows : IDenoiserRows
{
    private readonly TileGrid _grid;
    private readonly int _height;
    private readonly int _width;
    private readonly float[] _weights;
    private readonly float[] _shares;
    private float[] _inputs = [];
    private float[] _outputs = [];
    private int _inputLength;
    private int _outputLength;
    private int _rows;

    /// <param name="tiling">How the latents are cut.</param>
    /// <param name="height">The height in latents.</param>
    /// <param name="width">The width in latents.</param>
    public LatentWindows(DenoiseTiling tiling, int height, int width)
    {
        _grid = new TileGrid(height, width, tiling.Side, tiling.Overlap);
        (_height, _width) = (height, width);
        float[] down = Ramp(_grid.TileHeight, tiling.Overlap), across = Ramp(_grid.TileWidth, tiling.Overlap);
        _weights = new float[_grid.TileHeight * _grid.TileWidth];
        for (int i = 0; i < _weights.Length; i++)
        {
            _weights[i] = down[i / _grid.TileWidth] * across[i % _grid.TileWidth];
        }
        _shares = new float[height * width];
        for (int window = 0; window < Count; window++)
        {
            AddRows(window, _shares, _weights, weights: null);
        }
        TensorPrimitives.Reciprocal(_shares, _shares);
    }

    /// <summary>The number of windows.</summary>
    public int Count => _grid.Count;

    /// <summary>The height of every window, in latents.</summary>
    public int Height => _grid.TileHeight;

    /// <summary>The width of every window, in latents.</summary>
    public int Width => _grid.TileWidth;

    /// <inheritdoc/>
    public Span<float> Input(int row) => _inputs.AsSpan(row * _inputLength, _inputLength);

    /// <inheritdoc/>
    public Span<float> Output(int row) => _outputs.AsSpan(row * _outputLength, _outputLength);

    /// <summary>Prepares the buffers of an evaluation.</summary>
    /// <param name="binding">A binding of the windows' size.</param>
    /// <param name="rows">The run's rows at this evaluation.</param>
    public void Begin(DenoiserBinding binding, int rows)
    {
        _rows = rows;
        (_inputLength, _outputLength) =
            (binding.Input(0).Length / _weights.Length * _shares.Length, binding.Output(0).Length / _weights.Length * _shares.Length);
        if (_inputs.Length < rows * _inputLength)
        {
            (_inputs, _outputs) = (new float[rows * _inputLength], new float[rows * _outputLength]);
        }
        _outputs.AsSpan().Clear();
    }

    /// <summary>Writes the model's input for a window.</summary>
    /// <param name="window">The index of the window, 0 and above.</param>
    /// <param name="binding">A binding of the windows' size.</param>
    /// <param name="row">The run's first row in the binding.</param>
    public void Write(int window, DenoiserBinding binding, int row)
    {
        (int top, int left) = _grid[window];
        for (int pass = 0; pass < _rows; pass++)
        {
            ReadOnlySpan<float> whole = Input(pass);
            Span<float> part = binding.Input(row + pass);
            for (int line = 0; line < part.Length / Width; line++)
            {
                int channel = line / Height, y = line % Height;
                whole.Slice((channel * _height + top + y) * _width + left, Width).CopyTo(part[(line * Width)..]);
            }
        }
    }

    /// <summary>Adds the model's prediction for a window.</summary>
    /// <param name="window">The index of the window, 0 and above.</param>
    /// <param name="binding">A binding of the windows' size.</param>
    /// <param name="row">The run's first row in the binding.</param>
    public void Add(int window, DenoiserBinding binding, int row)
    {
        for (int pass = 0; pass < _rows; pass++)
        {
            AddRows(window, Output(pass), binding.Output(row + pass), _weights);
        }
    }

    /// <summary>Divides by the sums of the weights, after every window was added.</summary>
    public void End()
    {
        for (int start = 0; start < _outputs.Length; start += _shares.Length)
        {
            Span<float> plane = _outputs.AsSpan(start, _shares.Length);
            TensorPrimitives.Multiply(plane, _shares, plane);
        }
    }

    private void AddRows(int window, Span<float> whole, ReadOnlySpan<float> part, float[]? weights)
    {
        (int top, int left) = _grid[window];
        for (int line = 0; line < part.Length / Width; line++)
        {
            int channel = line / Height, y = line % Height;
            Span<float> sum = whole.Slice((channel * _height + top + y) * _width + left, Width);
            ReadOnlySpan<float> made = part.Slice(line * Width, Width);
            if (weights is null)
            {
                TensorPrimitives.Add(sum, made, sum);
            }
            else
            {
                TensorPrimitives.MultiplyAdd(made, weights.AsSpan(y * Width, Width), sum, sum);
            }
        }
    }

    /// <summary>Returns weights of 1 in the middle that fall to 1 / (overlap + 1) at both ends.</summary>
    private static float[] Ramp(int length, int overlap)
    {
        var ramp = new float[length];
        for (int i = 0; i < length; i++)
        {
            ramp[i] = Math.Min(1, Math.Min(i + 1, length - i) / (overlap + 1f));
        }
        return ramp;
    }
}
