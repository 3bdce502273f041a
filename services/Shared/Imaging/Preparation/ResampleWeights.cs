namespace Brownian.Imaging.Preparation;

/// <summary>
/// The weights of the old positions for every new position along one axis, in integers of 22 fractional bits (Pillow's <c>Resample.c</c>:
/// <c>precompute_coeffs</c>, <c>normalize_coeffs_8bpc</c>).
/// </summary>
internal sealed class ResampleWeights
{
    /// <summary>The number of fractional bits: 32 minus 8 for the pixel and 2 for filters that overshoot.</summary>
    public const int Precision = 22;

    /// <summary>Half a level, so that the shift rounds to nearest.</summary>
    public const int Half = 1 << (Precision - 1);

    private readonly int _most;
    private readonly int[] _weights;
    private readonly (int Start, int Count)[] _windows;

    /// <param name="oldSize">The old size in pixels.</param>
    /// <param name="from">The start of the part that is resized, 0..oldSize.</param>
    /// <param name="to">The end of that part, from..oldSize. An empty part repeats the pixel at its position.</param>
    /// <param name="newSize">The new size in pixels.</param>
    /// <param name="filter">Any filter except nearest.</param>
    public ResampleWeights(int oldSize, double from, double to, int newSize, ResampleFilter filter)
    {
        double scale = (to - from) / newSize;
        double stretch = Math.Max(1, scale);
        double support = Support(filter) * stretch;
        double inverse = 1 / stretch;
        _most = (int)Math.Ceiling(support) * 2 + 1;
        _weights = new int[newSize * _most];
        _windows = new (int, int)[newSize];
        var exact = new double[_most];
        for (int i = 0; i < newSize; i++)
        {
            double center = from + (i + 0.5) * scale;
            int start = Math.Max(0, (int)(center - support + 0.5));
            int count = Math.Min(oldSize, (int)(center + support + 0.5)) - start;
            double sum = 0;
            for (int j = 0; j < count; j++)
            {
                exact[j] = Weigh(filter, (j + start - center + 0.5) * inverse);
                sum += exact[j];
            }
            Span<int> weights = _weights.AsSpan(i * _most, count);
            for (int j = 0; j < count; j++)
            {
                double weight = (sum == 0 ? exact[j] : exact[j] / sum) * (1 << Precision);
                weights[j] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }
            _windows[i] = (start, count);
        }
    }

    /// <summary>Returns the first old position that a new position uses, and the weights from there on.</summary>
    public ReadOnlySpan<int> At(int position, out int start)
    {
        (start, int count) = _windows[position];
        return _weights.AsSpan(position * _most, count);
    }

    private static double Support(ResampleFilter filter) => filter switch
    {
        ResampleFilter.Box => 0.5,
        ResampleFilter.Bilinear or ResampleFilter.Hamming => 1,
        ResampleFilter.Bicubic => 2,
        ResampleFilter.Lanczos => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, null),
    };

    private static double Weigh(ResampleFilter filter, double x)
    {
        double distance = Math.Abs(x);
        switch (filter)
        {
            case ResampleFilter.Box:
                return x is > -0.5 and <= 0.5 ? 1 : 0;
            case ResampleFilter.Bilinear:
                return distance < 1 ? 1 - distance : 0;
            case ResampleFilter.Hamming:
                // The window's constants have single precision in Pillow.
                return distance == 0 ? 1 : distance < 1 ? Sinc(distance) * (0.54f + 0.46f * Math.Cos(distance * Math.PI)) : 0;
            case ResampleFilter.Bicubic:
                const double A = -0.5;
                return distance < 1 ? ((A + 2) * distance - (A + 3)) * distance * distance + 1
                    : distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * A
                    : 0;
            case ResampleFilter.Lanczos:
                return x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;
            default:
                throw new ArgumentOutOfRangeException(nameof(filter), filter, null);
        }
    }

    private static double Sinc(double x)
    {
        if (x == 0)
        {
            return 1;
        }
        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
