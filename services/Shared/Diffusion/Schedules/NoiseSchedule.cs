using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedules;

/// <summary>The schedule that a model was trained with: ᾱ_t and σ_t = sqrt((1 - ᾱ_t) / ᾱ_t) for every training timestep, in float32.</summary>
internal sealed class NoiseSchedule
{
    private readonly bool _isRescaled;
    private readonly float[] _alphasCumulative;
    private readonly float[] _sigmas;
    private readonly float[] _logSigmas;

    /// <param name="betas">β_t, t = 0 .. T-1.</param>
    /// <param name="zeroTerminalSnr">Whether to rescale the schedule so that its last timestep is pure noise.</param>
    /// <param name="lastAlphaCumulative">
    /// The value of ᾱ_(T-1) after rescaling, when a finite last sigma is needed (2^-24 in the reference); null for 0.
    /// </param>
    public NoiseSchedule(float[] betas, bool zeroTerminalSnr = false, float? lastAlphaCumulative = null)
    {
        _isRescaled = zeroTerminalSnr;
        Betas = zeroTerminalSnr ? BetaSchedule.RescaleZeroTerminalSnr(betas) : betas;
        _alphasCumulative = BetaSchedule.AlphasCumulative(Betas);
        if (zeroTerminalSnr && lastAlphaCumulative is { } last)
        {
            _alphasCumulative[^1] = last;
        }
        _sigmas = new float[_alphasCumulative.Length];
        _logSigmas = new float[_alphasCumulative.Length];
        for (int i = 0; i < _sigmas.Length; i++)
        {
            _sigmas[i] = MklSquareRoot.Of((1 - _alphasCumulative[i]) / _alphasCumulative[i]);
            _logSigmas[i] = Elementary.NumpyLog(_sigmas[i]);
        }
    }

    /// <summary>The number of training timesteps, T.</summary>
    public int Length => _alphasCumulative.Length;

    /// <summary>β_t, rescaled if requested.</summary>
    public float[] Betas { get; }

    /// <summary>ᾱ_t.</summary>
    public ReadOnlySpan<float> AlphasCumulative => _alphasCumulative;

    /// <summary>σ_t, growing with t.</summary>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    /// <summary>ln σ_t, with NumPy's rounding.</summary>
    public ReadOnlySpan<float> LogSigmas => _logSigmas;

    /// <summary>
    /// Whether σ is above 0, finite and grows with every timestep. Betas that are too small or too large for float32 violate this. After rescaling,
    /// the last σ is that of pure noise, infinite or set, and only has to differ from the one before.
    /// </summary>
    public bool Grows
    {
        get
        {
            bool grows = _sigmas[0] > 0 && float.IsFinite(_sigmas[^2]) && (_isRescaled ? _sigmas[^1] >= 0 : float.IsFinite(_sigmas[^1]));
            for (int i = 1; i < _sigmas.Length; i++)
            {
                grows &= i == _sigmas.Length - 1 && _isRescaled ? _sigmas[i] != _sigmas[i - 1] : _sigmas[i] > _sigmas[i - 1];
            }
            return grows;
        }
    }

    /// <summary>Interpolates σ linearly between two training timesteps, with the values of the ends outside (<c>numpy.interp</c>).</summary>
    /// <param name="timestep">0..T-1; may be fractional.</param>
    public double InterpolateSigma(double timestep)
    {
        if (timestep >= Length - 1)
        {
            return _sigmas[^1];
        }
        if (timestep <= 0)
        {
            return _sigmas[0];
        }
        int low = (int)timestep;
        double slope = (double)_sigmas[low + 1] - _sigmas[low];
        return slope * (timestep - low) + _sigmas[low];
    }

    /// <summary>Returns the fractional timestep of a sigma, linear in ln σ and clamped to 0..T-1 (the reference's <c>_sigma_to_t</c>).</summary>
    /// <param name="sigma">0 or above; values below 1e-10 are treated as 1e-10.</param>
    public double TimestepOf(double sigma) => TimestepOfLog(Math.Log(Math.Max(sigma, 1e-10)));

    /// <summary>Returns the fractional timestep of ln σ.</summary>
    /// <param name="logSigma">ln σ.</param>
    public double TimestepOfLog(double logSigma)
    {
        int low = IndexBelow(logSigma);
        float lowLog = _logSigmas[low], highLog = _logSigmas[low + 1];
        double weight = Math.Clamp((lowLog - logSigma) / (lowLog - highLog), 0, 1);
        return (1 - weight) * low + weight * (low + 1);
    }

    /// <summary><see cref="TimestepOf(double)"/> in float32, as the reference computes it for sigmas that are float32 themselves.</summary>
    /// <param name="sigma">0 or above; values below 1e-10 are treated as 1e-10.</param>
    public float TimestepOfSingle(float sigma)
    {
        float logSigma = Elementary.NumpyLog(MathF.Max(sigma, 1e-10f));
        int low = IndexBelow(logSigma);
        float lowLog = _logSigmas[low], highLog = _logSigmas[low + 1];
        float weight = Math.Clamp((lowLog - logSigma) / (lowLog - highLog), 0, 1);
        return (1 - weight) * low + weight * (low + 1);
    }

    /// <summary>destination = sqrt(ᾱ_t) original + sqrt(1 - ᾱ_t) noise.</summary>
    /// <param name="timestep">t, 0..T-1.</param>
    /// <param name="original">A clean image.</param>
    /// <param name="noise">Has the same length.</param>
    /// <param name="destination">Has the same length; may be either source.</param>
    public void Diffuse(int timestep, ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination)
    {
        float alpha = _alphasCumulative[timestep];
        LinearCombination.Of(MklSquareRoot.Of(alpha), original, MklSquareRoot.Of(1 - alpha), noise, destination);
    }

    /// <summary>Returns the index of the last table entry that is not above the value, at most the last but one.</summary>
    private int IndexBelow(double logSigma)
    {
        // The table is ascending, except for equal neighbors at its ends: the reference uses the first index with the largest count of entries so
        // far.
        int low = 0;
        int count = 0, best = 0;
        for (int i = 0; i < _logSigmas.Length; i++)
        {
            if (logSigma >= _logSigmas[i])
            {
                count++;
                if (count > best)
                {
                    best = count;
                    low = i;
                }
            }
        }
        return Math.Min(low, _logSigmas.Length - 2);
    }
}
