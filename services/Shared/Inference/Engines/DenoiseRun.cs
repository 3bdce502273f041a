using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Requests;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>A task on its way: its latents, its scheduler, its generator.</summary>
internal sealed class DenoiseRun
{
    private readonly INoiseGenerator _noise;

    public DenoiseRun(DenoiseTask task)
    {
        Task = task;
        Scheduler = SchedulerCatalog.Create(task.Scheduler);
        Scheduler.Start(task.Sampling);
        _noise = NoiseWords.Create(task.Noise, task.Seed, task.NoiseDtype);
        Latents = new float[task.LatentShape.Aggregate(1, (product, size) => product * size)];
        _noise.FillNormal(Latents);
        InitialLatents = [.. Latents];
        float sigma = Scheduler.InitNoiseSigma;
        for (int i = 0; i < Latents.Length; i++)
        {
            Latents[i] *= sigma;
        }
    }

    public DenoiseTask Task { get; }

    public Scheduler Scheduler { get; }

    public float[] Latents { get; }

    public float[] InitialLatents { get; }

    /// <summary>How many rows of a batch it takes: with guidance first the pass without the prompt.</summary>
    public int Rows => Task.NegativeEmbedding is null ? 1 : 2;

    public void CopyEmbeddings(UnetBinding binding, int row)
    {
        if (Task.NegativeEmbedding is { } negative)
        {
            binding.SetEmbedding(row++, negative.Values);
        }
        binding.SetEmbedding(row, Task.Embedding.Values);
    }

    public void WriteInput(UnetBinding binding, int row)
    {
        Span<float> input = binding.Input(row);
        Scheduler.ScaleModelInput(Latents, input);
        if (Rows == 2)
        {
            input.CopyTo(binding.Input(row + 1));
        }
    }

    /// <summary>Guides the prediction and moves the latents on.</summary>
    public void TakeOutput(UnetBinding binding, int row)
    {
        Span<float> prediction = binding.Output(row);
        if (Rows == 2)
        {
            ReadOnlySpan<float> conditional = binding.Output(row + 1);
            ClassifierFreeGuidance.Combine(prediction, conditional, (float)Task.GuidanceScale, prediction);
            if (Task.GuidanceRescale > 0)
            {
                ClassifierFreeGuidance.Rescale(prediction, conditional, (float)Task.GuidanceRescale);
            }
        }
        int evaluation = Scheduler.StepIndex;
        float timestep = Scheduler.Timestep;
        Scheduler.Step(prediction, Latents, _noise);
        if (!Finite.All(Latents))
        {
            throw new DenoiseException(string.Create(
                CultureInfo.InvariantCulture,
                $"The latents are not finite (NaN or infinity) after evaluation {evaluation + 1} of {Scheduler.Timesteps.Length}, timestep {timestep}: "
                + $"the model or its precision cannot follow these settings; try another scheduler, a lower guidance scale, or a float32 export"));
        }
    }

    public DenoiseResult Result() => new(
        new Tensor(Latents, [1, .. Task.LatentShape]),
        new Tensor(InitialLatents, [1, .. Task.LatentShape]),
        Scheduler.Timesteps.ToArray(),
        Scheduler.Sigmas.ToArray());
}
