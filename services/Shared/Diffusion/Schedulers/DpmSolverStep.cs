using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// One DPM-Solver update from the sample and the last predictions, without its noise (Lu et al. 2022, arXiv 2206.00927, and its data-prediction and
/// stochastic variants, arXiv 2211.01095, appendix B; <c>scheduling_dpmsolver_multistep.py</c>, <c>_singlestep.py</c>). As in the reference,
/// differences of predictions are computed before they are weighted: merged into the weights of the predictions they would lose digits.
/// </summary>
/// <param name="config">A configuration with <c>algorithm_type</c>, <c>solver_type</c> and <c>solver_order</c>.</param>
internal sealed class DpmSolverStep(SchedulerConfig config)
{
    private readonly bool _midpoint = config.Choice("solver_type") == "midpoint";
    private readonly bool _images = DpmSolverOptions.Target(config) == PredictionTarget.Image;
    private readonly int _highestOrder = config.Integer("solver_order");
    private float[] _first = [], _second = [];

    // The weights of the sample and of the terms of the expansion in h: the prediction, its half-step and exact first derivative, and its second
    // derivative.
    private float _sample, _plain, _half, _slope, _curve;

    /// <summary>Whether each step adds noise.</summary>
    public bool IsStochastic { get; } = DpmSolverOptions.IsStochastic(config);

    /// <summary>The standard deviation of the last update's noise.</summary>
    public float NoiseWeight { get; private set; }

    /// <summary>Makes an update from the newest prediction's level, using the predictions before it.</summary>
    /// <param name="levels">The levels of the run.</param>
    /// <param name="index">The index of the newest prediction's level.</param>
    /// <param name="order">1..3, at most the number of predictions.</param>
    /// <param name="predictions">The predictions.</param>
    /// <param name="from">The sample before the update.</param>
    /// <param name="to">The sample after the update; may be the same.</param>
    public void Multistep(ReadOnlySpan<NoiseLevel> levels, int index, int order, History predictions, ReadOnlySpan<float> from, Span<float> to)
    {
        Prepare(from.Length);
        float h = Expand(levels[index + 1], levels[index]);
        if (order == 1 || h == 0)
        {
            LinearCombination.Of(_sample, from, _plain, predictions[0], to);
            return;
        }
        float r0 = (levels[index].Lambda - levels[index - 1].Lambda) / h;
        Difference(predictions[0], predictions[1], r0, _first);
        if (order == 2)
        {
            LinearCombination.Of(_sample, from, _plain, predictions[0], _midpoint ? _half : _slope, _first, to);
            return;
        }
        float r1 = (levels[index - 1].Lambda - levels[index - 2].Lambda) / h;
        Difference(predictions[1], predictions[2], r1, _second);
        TensorPrimitives.Subtract(_first, _second, _second);
        LinearCombination.Of(1, _first, r0 / (r0 + r1), _second, _first);
        TensorPrimitives.Multiply(_second, 1 / (r0 + r1), _second);
        LinearCombination.Of(_sample, from, _plain, predictions[0], _slope, _first, _curve, _second, to);
    }

    /// <summary>Makes an update from the level of the oldest prediction used, across the newer ones.</summary>
    /// <inheritdoc cref="Multistep"/>
    public void Singlestep(ReadOnlySpan<NoiseLevel> levels, int index, int order, History predictions, ReadOnlySpan<float> from, Span<float> to)
    {
        NoiseLevel start = levels[index + 1 - order];
        Prepare(from.Length);
        float h = Expand(levels[index + 1], start);
        ReadOnlySpan<float> oldest = predictions[order - 1];
        if (order == 1 || h == 0)
        {
            LinearCombination.Of(_sample, from, _plain, oldest, to);
            return;
        }
        float r0 = (levels[index].Lambda - start.Lambda) / h;
        Difference(predictions[0], oldest, r0, _first);
        if (order == 2 || _midpoint)
        {
            LinearCombination.Of(_sample, from, _plain, oldest, order == 2 && _midpoint ? _half : _slope, _first, to);
            return;
        }
        float r1 = (levels[index - 1].Lambda - start.Lambda) / h;
        Difference(predictions[1], oldest, r1, _second);
        // D1 = (r0 older - r1 newer) / (r0 - r1), D2 = 2 (newer - older) / (r0 - r1).
        LinearCombination.Of(_sample, from, _plain, oldest, to);
        for (int i = 0; i < to.Length; i++)
        {
            float newer = _first[i], older = _second[i];
            _first[i] = (r0 * older - r1 * newer) / (r0 - r1);
            _second[i] = 2 * (newer - older) / (r0 - r1);
        }
        LinearCombination.Of(1, to, _slope, _first, _curve, _second, to);
    }

    /// <summary>Computes (newer - older) / r, multiplying by 1 / r.</summary>
    private static void Difference(ReadOnlySpan<float> newer, ReadOnlySpan<float> older, float r, Span<float> difference)
    {
        TensorPrimitives.Subtract(newer, older, difference);
        TensorPrimitives.Multiply(difference, 1 / r, difference);
    }

    /// <summary>Allocates the buffers that any order needs, so that only a run's first evaluation allocates.</summary>
    private void Prepare(int length)
    {
        if (_highestOrder > 1 && _first.Length != length)
        {
            _first = new float[length];
            _second = _highestOrder > 2 ? new float[length] : [];
        }
    }

    /// <summary>
    /// Computes the terms of a step between two levels. For a step of length 0, where the reference may divide 0 by 0, only the sample's term is not
    /// 0.
    /// </summary>
    /// <returns>h, the increase of λ.</returns>
    private float Expand(NoiseLevel target, NoiseLevel start)
    {
        float h = target.Lambda - start.Lambda;
        NoiseWeight = 0;
        if (h == 0)
        {
            _sample = _images ? target.Sigma / start.Sigma : target.Alpha / start.Alpha;
            _plain = 0;
            return 0;
        }
        if (_images)
        {
            ExpandImages(target, start, h);
        }
        else
        {
            ExpandNoises(target, start, h);
        }
        return h;
    }

    private void ExpandImages(NoiseLevel target, NoiseLevel start, float h)
    {
        if (IsStochastic)
        {
            float rest = 1 - Elementary.TorchExp(-2 * h);
            _sample = target.Sigma / start.Sigma * Elementary.TorchExp(-h);
            _plain = target.Alpha * rest;
            _half = 0.5f * (target.Alpha * rest);
            _slope = target.Alpha * (rest / (-2 * h) + 1);
            _curve = target.Alpha * ((rest - 2 * h) / (2 * h * (2 * h)) - 0.5f);
            NoiseWeight = target.Sigma * MklSquareRoot.Of(rest);
            return;
        }
        float decay = Elementary.TorchExp(-h) - 1;
        _sample = target.Sigma / start.Sigma;
        _plain = -(target.Alpha * decay);
        _half = -(0.5f * (target.Alpha * decay));
        _slope = target.Alpha * (decay / h + 1);
        _curve = -(target.Alpha * ((decay + h) / (h * h) - 0.5f));
    }

    private void ExpandNoises(NoiseLevel target, NoiseLevel start, float h)
    {
        float growth = Elementary.TorchExp(h) - 1;
        float factor = IsStochastic ? 2 : 1;
        _sample = target.Alpha / start.Alpha;
        _plain = -(factor * (target.Sigma * growth));
        _half = 0.5f * _plain;
        _slope = -(factor * (target.Sigma * (growth / h - 1)));
        _curve = -(target.Sigma * ((growth - h) / (h * h) - 0.5f));
        NoiseWeight = IsStochastic ? target.Sigma * MklSquareRoot.Of(Elementary.TorchExp(2 * h) - 1) : 0;
    }
}
