using System.Numerics.Tensors;

namespace Brownian.Formats.Tensors;

/// <summary>
/// Implements PyTorch's <c>torch.nn.functional.interpolate</c> on the CPU in float32 (<c>UpSample.h</c>, <c>UpSampleKernel.cpp</c>,
/// <c>AdaptiveAveragePooling.cpp</c>), one axis after the other.
/// </summary>
public static class Interpolation
{
    private readonly record struct Window(int Start, float[] Weights);

    /// <summary>Resizes the planes of a tensor.</summary>
    /// <param name="input">The tensor, [batch, channels, height, width], without sides of 0.</param>
    /// <param name="height">The new height, at least 1.</param>
    /// <param name="width">The new width, at least 1.</param>
    /// <param name="mode">The interpolation mode.</param>
    /// <param name="alignCorners">Whether the outermost values keep their positions; bilinear and bicubic only.</param>
    /// <param name="antialias">
    /// Whether windows widen with the scale when a side shrinks; bilinear and bicubic only. As in PyTorch, bicubic weights then use a = -0.5,
    /// otherwise a = -0.75.
    /// </param>
    /// <returns>[batch, channels, <paramref name="height"/>, <paramref name="width"/>].</returns>
    /// <exception cref="ArgumentException">The shape or a size is invalid, or the mode does not support an option.</exception>
    public static Tensor Resize(Tensor input, int height, int width, InterpolationMode mode, bool alignCorners = false, bool antialias = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (input.Shape is not [int batch, int channels, > 0 and int oldHeight, > 0 and int oldWidth])
        {
            throw new ArgumentException($"[{string.Join(", ", input.Shape)}] is not [batch, channels, height, width]", nameof(input));
        }
        if ((alignCorners || antialias) && mode is not (InterpolationMode.Bilinear or InterpolationMode.Bicubic))
        {
            throw new ArgumentException($"{mode} has neither aligned corners nor antialiasing", nameof(mode));
        }
        Window[] columns = Windows(oldWidth, width, mode, alignCorners, antialias);
        Window[] rows = Windows(oldHeight, height, mode, alignCorners, antialias);
        var values = new float[batch * channels * height * width];
        var narrowed = new float[oldHeight * width];
        for (int plane = 0; plane < batch * channels; plane++)
        {
            Columns(input.Values.AsSpan(plane * oldHeight * oldWidth, oldHeight * oldWidth), oldWidth, narrowed, columns);
            Rows(narrowed, values.AsSpan(plane * height * width, height * width), width, rows);
        }
        return new Tensor(values, [batch, channels, height, width]);
    }

    private static void Columns(ReadOnlySpan<float> source, int oldWidth, Span<float> destination, Window[] columns)
    {
        for (; source.Length > 0; source = source[oldWidth..], destination = destination[columns.Length..])
        {
            for (int x = 0; x < columns.Length; x++)
            {
                (int start, float[] weights) = columns[x];
                // The sum starts with the first product instead of 0, so that a single weight of 1 copies every value unchanged.
                float sum = source[start] * weights[0];
                for (int i = 1; i < weights.Length; i++)
                {
                    sum += source[start + i] * weights[i];
                }
                destination[x] = sum;
            }
        }
    }

    private static void Rows(ReadOnlySpan<float> source, Span<float> destination, int width, Window[] rows)
    {
        for (int y = 0; y < rows.Length; y++)
        {
            (int start, float[] weights) = rows[y];
            Span<float> row = destination.Slice(y * width, width);
            TensorPrimitives.Multiply(source.Slice(start * width, width), weights[0], row);
            for (int i = 1; i < weights.Length; i++)
            {
                TensorPrimitives.MultiplyAdd(source.Slice((start + i) * width, width), weights[i], row, row);
            }
        }
    }

    private static Window[] Windows(int oldSize, int newSize, InterpolationMode mode, bool alignCorners, bool antialias)
    {
        float scale = !alignCorners ? (float)oldSize / newSize
            : newSize > 1 ? (float)(oldSize - 1) / (newSize - 1)
            : 0;
        var windows = new Window[newSize];
        for (int i = 0; i < newSize; i++)
        {
            windows[i] = (mode, antialias) switch
            {
                (InterpolationMode.Nearest, _) => new Window(Math.Min((int)(i * scale), oldSize - 1), [1]),
                (InterpolationMode.Area, _) => Mean((int)((long)i * oldSize / newSize), (int)(((i + 1L) * oldSize + newSize - 1) / newSize)),
                (_, true) => Wide(i, oldSize, scale, mode),
                (InterpolationMode.Bilinear, _) => Linear(Math.Max(0, Position(i, scale, alignCorners)), oldSize),
                (InterpolationMode.Bicubic, _) => Cubic(Position(i, scale, alignCorners), oldSize),
                _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
            };
        }
        return windows;
    }

    private static float Position(int i, float scale, bool alignCorners) => alignCorners ? scale * i : scale * (i + 0.5f) - 0.5f;

    private static Window Mean(int start, int end)
    {
        var weights = new float[end - start];
        weights.AsSpan().Fill(1f / weights.Length);
        return new Window(start, weights);
    }

    private static Window Linear(float position, int oldSize)
    {
        int start = Math.Min((int)position, oldSize - 1);
        float share = Math.Clamp(position - start, 0, 1);
        return start == oldSize - 1 ? new Window(start, [1]) : new Window(start, [1 - share, share]);
    }

    private static Window Cubic(float position, int oldSize)
    {
        const float A = -0.75f;
        float floor = MathF.Floor(position), share = position - floor;
        int first = (int)floor - 1;
        int start = Math.Clamp(first, 0, oldSize - 1), end = Math.Clamp(first + 3, 0, oldSize - 1);
        var weights = new float[end - start + 1];
        ReadOnlySpan<float> four = [KeysFar(1 + share, A), KeysNear(share, A), KeysNear(1 - share, A), KeysFar(2 - share, A)];
        for (int i = 0; i < 4; i++)
        {
            // Positions outside repeat the edge value.
            weights[Math.Clamp(first + i, 0, oldSize - 1) - start] += four[i];
        }
        return new Window(start, weights);
    }

    private static Window Wide(int i, int oldSize, float scale, InterpolationMode mode)
    {
        float radius = mode == InterpolationMode.Bilinear ? 1 : 2;
        float support = scale >= 1 ? radius * scale : radius;
        float inverse = scale >= 1 ? 1 / scale : 1;
        float center = (float)(scale * (i + 0.5));
        int start = Math.Max((int)(center - support + 0.5), 0);
        int end = Math.Min((int)(center + support + 0.5), oldSize);
        var weights = new float[end - start];
        float sum = 0;
        for (int j = 0; j < weights.Length; j++)
        {
            float distance = MathF.Abs((float)((j + start - center + 0.5) * inverse));
            const float A = -0.5f;
            weights[j] = mode == InterpolationMode.Bilinear ? MathF.Max(0, 1 - distance)
                : distance < 1 ? KeysNear(distance, A)
                : distance < 2 ? KeysFar(distance, A)
                : 0;
            sum += weights[j];
        }
        for (int j = 0; j < weights.Length && sum != 0; j++)
        {
            weights[j] /= sum;
        }
        return new Window(start, weights);
    }

    /// <summary>Keys' cubic kernel within one pixel (R. Keys, "Cubic Convolution Interpolation", 1981, equation 15 with its parameter).</summary>
    private static float KeysNear(float x, float a) => ((a + 2) * x - (a + 3)) * x * x + 1;

    /// <summary>Keys' cubic kernel between one and two pixels.</summary>
    private static float KeysFar(float x, float a) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
