using Brownian.Diffusion.Noise;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The multistep DPM-Solver, independent of its sigmas and its model (Lu et al. 2022, arXiv 2211.01095, algorithm 2).</summary>
public abstract class DpmMultistepScheduler : SolverScheduler
{
    private readonly DpmSolverStep _step;
    private readonly int _order;
    private readonly bool _lowerOrderFinal;
    private readonly bool _eulerFinal;

    /// <param name="config">The settings of the derived class.</param>
    private protected DpmMultistepScheduler(SchedulerConfig config)
        : base(config, config.Integer("solver_order"), DpmSolverOptions.Target(config))
    {
        _step = new DpmSolverStep(config);
        _order = config.Integer("solver_order");
        _lowerOrderFinal = config.Flag("lower_order_final");
        _eulerFinal = config.Flag("euler_at_final") || config.HasWord("final_sigmas_type", "zero");
    }

    /// <summary>The element type of a step's noise; null for the model's type.</summary>
    private protected virtual NoiseDtype? StepNoise => null;

    /// <inheritdoc/>
    protected sealed override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        Remember(modelOutput, sample);
        int left = Timesteps.Length - StepIndex;
        bool few = _lowerOrderFinal && HasFewSteps;
        int order = Math.Min(_order, Predictions.Count);
        if (left == 1 && (_eulerFinal || few))
        {
            order = 1;
        }
        else if (left == 2 && few)
        {
            order = Math.Min(order, 2);
        }
        _step.Multistep(Levels, StepIndex, order, Predictions, sample, sample);
        if (_step.IsStochastic)
        {
            AddStepNoise(_step.NoiseWeight, sample, noise, StepNoise);
        }
    }
}
