using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The weights of one DPM-Solver update: of the sample, of the last predictions and of new noise (Lu et al. 2022, arXiv 2206.00927, and its
/// data-prediction and stochastic forms, arXiv 2211.01095, appendix B; <c>scheduling_dpmsolver_multistep.py</c>, <c>_singlestep.py</c>).
/// </summary>
/// <param name="algorithm">The word of <c>algorithm_type</c>.</param>
/// <param name="solverType">The word of <c>solver_type</c>.</param>
internal sealed class DpmSolverStep(string algorithm, string solverType)
{
    private readonly bool _midpoint = solverType == "midpoint";
    private readonly float[] _weights = new float[3];
    private int _order;

    // The terms of the expansion in h: of the prediction itself, of its half-step and exact first derivative, and of its second.
    private double _plain, _half, _slope, _curve;

    /// <summary>Whether each step adds noise.</summary>
    public bool IsStochastic { get; } = algorithm.StartsWith("sde", StringComparison.Ordinal);

    public float SampleWeight { get; private set; }

    public float NoiseWeight { get; private set; }

    /// <summary>The weights of the predictions, the newest first.</summary>
    public ReadOnlySpan<float> PredictionWeights => _weights.AsSpan(0, _order);

    /// <summary>An update from the newest prediction's level, looking back at the ones before it.</summary>
    /// <param name="levels">The levels of the run.</param>
    /// <param name="index">The newest prediction's.</param>
    /// <param name="order">1..3, at most the predictions that there are.</param>
    public void Multistep(ReadOnlySpan<NoiseLevel> levels, int index, int order)
    {
        float h = Expand(levels[index + 1], levels[index], order);
        if (h == 0)
        {
            return;
        }
        switch (order)
        {
            case 1:
                Set(_plain);
                break;
            case 2:
                float ratio = (levels[index].Lambda - levels[index - 1].Lambda) / h;
                double first = (_midpoint ? _half : _slope) * (1 / ratio);
                Set(_plain + first, -first);
                break;
            default:
                float r0 = (levels[index].Lambda - levels[index - 1].Lambda) / h;
                float r1 = (levels[index - 1].Lambda - levels[index - 2].Lambda) / h;
                double newer = (_slope * (1 + r0 / (r0 + r1)) + _curve * (1 / (r0 + r1))) * (1 / r0);
                double older = -(_slope * (r0 / (r0 + r1)) + _curve * (1 / (r0 + r1))) * (1 / r1);
                Set(_plain + newer, older - newer, -older);
                break;
        }
    }

    /// <summary>An update from the level of the oldest prediction it takes, over the newer ones.</summary>
    /// <inheritdoc cref="Multistep"/>
    public void Singlestep(ReadOnlySpan<NoiseLevel> levels, int index, int order)
    {
        NoiseLevel start = levels[index + 1 - order];
        float h = Expand(levels[index + 1], start, order);
        if (h == 0)
        {
            return;
        }
        switch (order)
        {
            case 1:
                Set(_plain);
                break;
            case 2:
                float ratio = (levels[index].Lambda - start.Lambda) / h;
                double first = (_midpoint ? _half : _slope) * (1 / ratio);
                Set(first, _plain - first);
                break;
            default:
                float r0 = (levels[index].Lambda - start.Lambda) / h, r1 = (levels[index - 1].Lambda - start.Lambda) / h;
                double newer = (_midpoint ? _slope : (2 * _curve - _slope * r1) / (r0 - r1)) * (1 / r0);
                double older = _midpoint ? 0 : (_slope * r0 - 2 * _curve) / (r0 - r1) * (1 / r1);
                Set(newer, older, _plain - newer - older);
                break;
        }
    }

    /// <summary>The terms of a step between two levels. Without any step every weight but the sample's is 0.</summary>
    /// <returns>h, how far λ grows.</returns>
    private float Expand(NoiseLevel target, NoiseLevel start, int order)
    {
        float h = target.Lambda - start.Lambda;
        _order = order;
        Array.Clear(_weights);
        NoiseWeight = 0;
        if (h == 0)
        {
            SampleWeight = 1;
            return 0;
        }
        switch (algorithm)
        {
            case "dpmsolver++":
                float decay = Elementary.TorchExp(-h) - 1;
                SampleWeight = target.Sigma / start.Sigma;
                _plain = -(target.Alpha * decay);
                _half = -(0.5f * (target.Alpha * decay));
                _slope = target.Alpha * (decay / h + 1);
                _curve = -(target.Alpha * ((decay + h) / (h * h) - 0.5f));
                break;
            case "sde-dpmsolver++":
                float rest = 1 - Elementary.TorchExp(-2 * h);
                SampleWeight = target.Sigma / start.Sigma * Elementary.TorchExp(-h);
                _plain = target.Alpha * rest;
                _half = 0.5f * (target.Alpha * rest);
                _slope = target.Alpha * (rest / (-2 * h) + 1);
                _curve = target.Alpha * ((rest - 2 * h) / (2 * h * (2 * h)) - 0.5f);
                NoiseWeight = target.Sigma * MathF.Sqrt(rest);
                break;
            default:
                float growth = Elementary.TorchExp(h) - 1;
                float factor = IsStochastic ? 2 : 1;
                SampleWeight = target.Alpha / start.Alpha;
                _plain = -(factor * (target.Sigma * growth));
                _half = 0.5f * _plain;
                _slope = -(factor * (target.Sigma * (growth / h - 1)));
                _curve = -(target.Sigma * ((growth - h) / (h * h) - 0.5f));
                NoiseWeight = IsStochastic ? target.Sigma * MathF.Sqrt(Elementary.TorchExp(2 * h) - 1) : 0;
                break;
        }
        return h;
    }

    private void Set(double newest, double second = 0, double third = 0)
    {
        _weights[0] = (float)newest;
        _weights[1] = (float)second;
        _weights[2] = (float)third;
    }
}
