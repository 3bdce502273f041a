using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The improved pseudo linear multistep method of v-diffusion-pytorch (<c>sampling.py: plms_sample</c>; <c>scheduling_ipndm.py</c>) on its own
/// schedule: β = sin²(π t / 2), α = sqrt(1 - β²), with timesteps 2 atan2(β, α) / π from 1 to 0.
/// </summary>
public sealed class IpndmScheduler : Scheduler
{
    private const int HighestOrder = 4;

    private readonly History _slopes = new(HighestOrder);
    private float[] _betas = [];
    private float[] _alphas = [];
    private float[] _combined = [];

    /// <param name="config">Settings of this class.</param>
    public IpndmScheduler(SchedulerConfig config)
        : base(config)
    {
        if (config.Numbers("trained_betas") is { Length: < 2 } few)
        {
            throw new FieldFaultException("scheduler.trained_betas", $"{few.Length} numbers", "2 and more");
        }
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "IPNDMScheduler",
        "Improved pseudo linear multistep method of order 4",
        config => new IpndmScheduler(config),
        [SchedulerOptions.TrainTimesteps(1000), SchedulerOption.Numbers("trained_betas", null) with { Minimum = 0, Maximum = 1 }])
    {
        Purpose = SchedulerPurpose.VDiffusion,
    };

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        LinearCombination.Of(_alphas[index], original, _betas[index], noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        if (Config.Numbers("trained_betas") is { } trained)
        {
            _betas = ToSingle(trained);
        }
        else
        {
            _betas = Linspace.Torch(1, 0, options.Steps!.Value + 1);
            foreach (ref float beta in _betas.AsSpan())
            {
                float sine = Elementary.TorchSin(beta * MathF.PI / 2);
                beta = sine * sine;
            }
        }
        _alphas = [.. _betas.Select(beta => MklSquareRoot.Of(1 - beta * beta))];
        // PyTorch's loop computes the angles with SLEEF 16 at a time, and the remaining ones with the C library.
        int vectorised = _betas.Length / 16 * 16;
        return (
            [
                .. _betas[..^1].Select(
                    (beta, i) => (i < vectorised ? Elementary.TorchAtan2(beta, _alphas[i]) : MathF.Atan2(beta, _alphas[i])) / MathF.PI * 2)
            ],
            []);
    }

    /// <inheritdoc/>
    protected override void Reset() => _slopes.Clear();

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_combined.Length != sample.Length)
        {
            _combined = new float[sample.Length];
        }
        const float MinAlpha = 1e-8f;
        float alpha = _alphas[StepIndex], sigma = _betas[StepIndex];
        LinearCombination.Of(sigma, sample, alpha, modelOutput, _slopes.Push(sample.Length));
        AdamsBashforth.Combine(_slopes, _combined);
        // Computed in two passes, because the first step divides a difference that must be exactly 0 by 1e-8.
        LinearCombination.Of(1, sample, -sigma, _combined, sample);
        LinearCombination.Of(_alphas[StepIndex + 1] / MathF.Max(alpha, MinAlpha), sample, _betas[StepIndex + 1], _combined, sample);
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer) => _slopes.Save(writer);

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader) => _slopes.Restore(reader, StepIndex - BeginIndex);
}
