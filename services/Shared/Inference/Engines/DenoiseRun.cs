using System.Numerics.Tensors;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;
using Brownian.Inference.Sessions;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>A task during its execution: its latents, its scheduler, its generator.</summary>
internal sealed class DenoiseRun
{
    private readonly StateWriter _kept = new();
    private readonly RunGuidance _guidance;
    private readonly RunMask _mask;

    /// <exception cref="ArgumentException">The task's latent shape, start latents or generator state are invalid.</exception>
    /// <exception cref="FieldFaultException">The scheduler cannot be created or does not support such a run.</exception>
    public DenoiseRun(DenoiseTask task)
        : this(task, DenoiseTaskRules.Length(task))
    {
        if (!task.GeneratorState.IsEmpty)
        {
            RunState.RestoreGenerator(Noise, task.GeneratorState);
        }
        // The draws follow the reference's order: image, noise, masked image. A small image's noise is drawn before or after the run's.
        ImageCondition? image = task.Image;
        if (image is { Role: ImageRole.Upscale, Noise: null or { First: true } })
        {
            ImageLatents = RunImages.Upscaled(image, Noise);
        }
        if (task.StartLatents is { } start)
        {
            DenoiseTaskRules.RequireStart(start, task.LatentShape, Latents.Length);
            start.Values.CopyTo(Latents, 0);
            start.Values.CopyTo(InitialLatents, 0);
            return;
        }
        if (image is { Image: { } encoded, Role: not ImageRole.Upscale })
        {
            ImageLatents = RunImages.Sample(encoded, image, Latents.Length, Noise);
        }
        if (image is not { Start: DenoiseStart.Image, Mask: null })
        {
            Noise.FillNormal(InitialLatents);
            if (task.Subseed is { } subseed)
            {
                var other = new float[Latents.Length];
                NoiseNames.Create(task.Noise, subseed, task.NoiseDtype).FillNormal(other);
                NoiseMix.Slerp(InitialLatents, other, task.SubseedStrength, task.LatentShape[1], task.LatentShape[2]);
            }
        }
        float[]? begin = image?.Original?.Values ?? ImageLatents;
        switch (image?.Start ?? DenoiseStart.Noise)
        {
            case DenoiseStart.Noise:
                TensorPrimitives.Multiply(InitialLatents, Scheduler.InitNoiseSigma, Latents);
                break;
            case DenoiseStart.NoisedImage:
                Scheduler.AddNoise(begin, InitialLatents, Latents, task.First);
                break;
            case DenoiseStart.Image:
                begin!.CopyTo(Latents, 0);
                break;
        }
        _mask.Begin(image, begin);
        if (image is { Role: ImageRole.Upscale, Noise.First: false })
        {
            ImageLatents = RunImages.Upscaled(image, Noise);
        }
        if (image?.MaskedImage is { } masked)
        {
            MaskedImageLatents = RunImages.Sample(masked, image, Latents.Length, Noise);
        }
    }

    private DenoiseRun(DenoiseTask task, int length)
    {
        Task = task;
        DenoiseTaskRules.Require(task);
        (Passes, _guidance, _mask) = (new RunPasses(this), new RunGuidance(this), new RunMask(this));
        Controls = [.. task.Controls.Select(condition => new ControlRun(condition))];
        Scheduler = StartScheduler(task);
        End = Math.Min(task.End ?? int.MaxValue, Scheduler.Timesteps.Length);
        Noise = NoiseNames.Create(task.Noise, task.Seed, task.NoiseDtype);
        Latents = new float[length];
        InitialLatents = new float[length];
        int beside = task.Image?.Role switch
        {
            ImageRole.Inpaint => 1 + task.LatentShape[0],
            ImageRole.Guide => task.LatentShape[0],
            ImageRole.Upscale => task.Image.Image!.Shape[1],
            _ => 0,
        };
        Windows = task.Tiling is { } tiling && tiling.Cuts(task.LatentShape[1], task.LatentShape[2])
            ? new LatentWindows(tiling, task.LatentShape[1], task.LatentShape[2])
            : null;
        Size = new DenoiserSize(
            task.LatentShape[0] + beside,
            task.LatentShape[0],
            Windows?.Height ?? task.LatentShape[1],
            Windows?.Width ?? task.LatentShape[2],
            task.Embedding?.Shape[1] ?? 0,
            task.Embedding?.Shape[2] ?? 0,
            task.Pooled?.Pooled.Shape[1] ?? 0,
            task.Pooled?.TimeIds.Count ?? 0);
    }

    public DenoiseTask Task { get; }

    public Scheduler Scheduler { get; private set; }

    public float[] Latents { get; }

    public float[] InitialLatents { get; }

    /// <summary>The image's latents, drawn and scaled.</summary>
    public float[]? ImageLatents { get; private set; }

    /// <summary>The latents of the masked image, drawn and scaled.</summary>
    public float[]? MaskedImageLatents { get; private set; }

    /// <summary>The run's ControlNets.</summary>
    public ControlRun[] Controls { get; }

    /// <summary>The windows that the latents are cut into; null when the model receives the latents as a whole.</summary>
    public LatentWindows? Windows { get; }

    /// <summary>The sizes of the run's rows in a batch. The denoiser sets the sizes of further inputs, because they depend on the graph.</summary>
    public DenoiserSize Size { get; set; }

    /// <summary>The generator that the run draws from.</summary>
    public INoiseGenerator Noise { get; }

    /// <summary>The passes of the run's evaluations.</summary>
    public RunPasses Passes { get; }

    /// <summary>The evaluation of the scheduler before which the run ends.</summary>
    public int End { get; }

    /// <summary>The number of model calls made so far.</summary>
    public int Evaluation => Scheduler.StepIndex - Task.First;

    /// <summary>The total number of model calls.</summary>
    public int Evaluations => End - Task.First;

    /// <summary>Whether every model call has been made.</summary>
    public bool IsDone => Scheduler.StepIndex >= End;

    /// <summary>The number of rows that the run takes in a batch, one per pass.</summary>
    public int Rows => Passes.Count;

    /// <summary>See <see cref="RunGuidance.IsPerturbed"/>.</summary>
    public bool IsPerturbed => _guidance.IsPerturbed;

    /// <summary>Writes the input of the graph with perturbed self-attention for the conditional pass.</summary>
    /// <param name="binding">The binding of that graph, with one row.</param>
    /// <param name="usual">The binding of the run's own graph, with its samples written.</param>
    /// <param name="row">The run's first row in <paramref name="usual"/>.</param>
    /// <param name="further">The graph's further inputs.</param>
    public void WritePerturbed(DenoiserBinding binding, DenoiserBinding usual, int row, IReadOnlyList<GraphTensor> further)
    {
        Passes.CopyConditions(binding, 0, Passes.Prompt, further);
        usual.Input(row + Passes.Prompt).CopyTo(binding.Input(0));
        binding.SetTimestep(Scheduler.Timestep);
    }

    /// <summary>See <see cref="RunGuidance.TakePerturbed"/>.</summary>
    public void TakePerturbed(DenoiserBinding binding) => _guidance.TakePerturbed(binding);

    public void WriteInput(IDenoiserRows binding, int row)
    {
        Span<float> input = binding.Input(row);
        Scheduler.ScaleModelInput(Latents, input[..Latents.Length]);
        Span<float> beside = input[Latents.Length..];
        switch (Task.Image?.Role)
        {
            case ImageRole.Inpaint:
                Task.Image.Mask!.Values.CopyTo(beside);
                MaskedImageLatents.CopyTo(beside[Task.Image.Mask.Values.Length..]);
                break;
            case ImageRole.Guide:
                ImageLatents.CopyTo(beside);
                break;
            case ImageRole.Upscale when Task.Image.IsScaledWithSample:
                Scheduler.ScaleModelInput(ImageLatents, beside);
                break;
            case ImageRole.Upscale:
                ImageLatents.CopyTo(beside);
                break;
        }
        for (int pass = 1; pass < Rows; pass++)
        {
            input.CopyTo(binding.Input(row + pass));
        }
        if (Passes.IsGuided && Rows == 3)
        {
            binding.Input(row + 2)[Latents.Length..].Clear();
        }
    }

    /// <summary>Applies guidance to the prediction and advances the latents by one scheduler step.</summary>
    public void TakeOutput(IDenoiserRows binding, int row)
    {
        ReadOnlySpan<float> unconditional = _guidance.Combine(binding, row);
        Span<float> whole = binding.Output(row), prediction = whole[..Latents.Length];
        int evaluation = Scheduler.StepIndex;
        float timestep = Scheduler.Timestep;
        _mask.KeepPrevious();
        if (unconditional.Length > 0)
        {
            Scheduler.Step(prediction, unconditional, Latents, Noise);
        }
        else
        {
            Scheduler.Step(Scheduler.UsesVariances ? whole : prediction, Latents, Noise);
        }
        _mask.KeepOutsideMask();
        if (!Finite.All(Latents))
        {
            throw new DenoiseException(string.Create(
                CultureInfo.InvariantCulture,
                $"The latents are not finite (NaN or infinity) after evaluation {evaluation + 1 - Task.First} of {Evaluations}, timestep {timestep}: "
                + $"the model or its precision cannot follow these settings; try another scheduler, a lower guidance scale, or a float32 export"));
        }
    }

    public DenoiseResult Result() => new(
        new Tensor(Latents, [1, .. Task.LatentShape]),
        new Tensor(InitialLatents, [1, .. Task.LatentShape]),
        Scheduler.Timesteps[Task.First..End].ToArray(),
        Scheduler.Sigmas.ToArray(),
        RunState.SaveGenerator(Noise))
    {
        // A small image of a super-resolution has its own number of channels, not that of the latents.
        ImageLatents = ImageLatents is { } image
            ? new Tensor(image, [1, image.Length / (Task.LatentShape[1] * Task.LatentShape[2]), .. Task.LatentShape.Skip(1)])
            : null,
        MaskedImageLatents = MaskedImageLatents is { } masked ? new Tensor(masked, [1, .. Task.LatentShape]) : null,
    };

    /// <summary>Saves the state of the run for <see cref="Rewind"/>. Itself allocates only while the scheduler's history grows.</summary>
    public void Keep()
    {
        _kept.Clear();
        _kept.Write((ReadOnlySpan<float>)Latents);
        Scheduler.SaveProgress(_kept);
        Noise.Save(_kept);
    }

    /// <summary>Restores the state of the last <see cref="Keep"/>.</summary>
    public void Rewind()
    {
        var reader = new StateReader(_kept.Written.ToArray());
        reader.Read(Latents);
        Scheduler = StartScheduler(Task);
        Scheduler.RestoreProgress(reader);
        Noise.Restore(reader);
    }

    /// <summary>See <see cref="RunState.Save"/>.</summary>
    public byte[] Save() => RunState.Save(this);

    /// <summary>Restores a saved run.</summary>
    /// <param name="task">The task that the run was started with.</param>
    /// <param name="state">The result of <see cref="Save"/>.</param>
    /// <exception cref="InvalidDataException">The state is damaged, or of another version or task.</exception>
    public static DenoiseRun Restore(DenoiseTask task, ReadOnlyMemory<byte> state)
    {
        var run = new DenoiseRun(task, DenoiseTaskRules.Length(task));
        (run.ImageLatents, run.MaskedImageLatents) = RunState.Restore(run, state);
        return run;
    }

    private static Scheduler StartScheduler(DenoiseTask task)
    {
        Scheduler scheduler = SchedulerCatalog.Create(task.Scheduler);
        scheduler.Start(task.Sampling);
        if (task.First < 0 || task.First >= (task.End ?? scheduler.Timesteps.Length) || task.First >= scheduler.Timesteps.Length)
        {
            throw new ArgumentException($"The run is from evaluation {task.First} to {task.End} of {scheduler.Timesteps.Length}", nameof(task));
        }
        scheduler.BeginAt(task.First);
        return scheduler;
    }
}
