using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;
using Brownian.Inference.Requests;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Engines;

/// <summary>A task on its way: its latents, its scheduler, its generator.</summary>
internal sealed class DenoiseRun
{
    private readonly INoiseGenerator _noise;
    private readonly StateWriter _kept = new();

    /// <exception cref="ArgumentException">The task's latent shape, start latents or generator's state are not what they must be.</exception>
    /// <exception cref="FieldFaultException">The scheduler cannot be made or cannot make such a run.</exception>
    public DenoiseRun(DenoiseTask task)
        : this(task, Length(task))
    {
        if (!task.GeneratorState.IsEmpty)
        {
            RestoreGenerator(_noise, task.GeneratorState);
        }
        if (task.StartLatents is { } start)
        {
            RequireStart(start, task.LatentShape, Latents.Length);
            start.Values.CopyTo(Latents, 0);
            start.Values.CopyTo(InitialLatents, 0);
            return;
        }
        _noise.FillNormal(InitialLatents);
        float sigma = Scheduler.InitNoiseSigma;
        for (int i = 0; i < Latents.Length; i++)
        {
            Latents[i] = InitialLatents[i] * sigma;
        }
    }

    private DenoiseRun(DenoiseTask task, int length)
    {
        Task = task;
        Scheduler = StartScheduler(task);
        _noise = NoiseWords.Create(task.Noise, task.Seed, task.NoiseDtype);
        Latents = new float[length];
        InitialLatents = new float[length];
    }

    public DenoiseTask Task { get; }

    public Scheduler Scheduler { get; private set; }

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
        Scheduler.Sigmas.ToArray(),
        SaveGenerator());

    /// <summary>Remembers the run as it is, for <see cref="GoBack"/>. Of its own it allocates only while the scheduler's history grows.</summary>
    public void Keep()
    {
        _kept.Clear();
        _kept.Write((ReadOnlySpan<float>)Latents);
        Scheduler.SaveProgress(_kept);
        _noise.Save(_kept);
    }

    /// <summary>Makes the run what it was at the last <see cref="Keep"/>.</summary>
    public void GoBack()
    {
        var reader = new StateReader(_kept.Written.ToArray());
        reader.Read(Latents);
        Scheduler = StartScheduler(Task);
        Scheduler.RestoreProgress(reader);
        _noise.Restore(reader);
    }

    /// <summary>Everything that changes what follows, but for the task.</summary>
    public byte[] Save()
    {
        StateWriter writer = SealedState.Begin();
        writer.Write(Task.Seed);
        writer.Write(Word(NoiseWords.Kinds, Task.Noise));
        writer.Write(Word(NoiseWords.Dtypes, Task.NoiseDtype));
        foreach (int size in Task.LatentShape)
        {
            writer.Write(size);
        }
        writer.Write((ReadOnlySpan<float>)InitialLatents);
        writer.Write((ReadOnlySpan<float>)Latents);
        Scheduler.Save(writer);
        _noise.Save(writer);
        return SealedState.Seal(writer);
    }

    /// <summary>The run that was saved.</summary>
    /// <param name="task">The task it was begun with.</param>
    /// <param name="state">What <see cref="Save"/> returned.</param>
    /// <exception cref="InvalidDataException">The state is damaged, of another version or of another task.</exception>
    public static DenoiseRun Restore(DenoiseTask task, ReadOnlyMemory<byte> state)
    {
        var run = new DenoiseRun(task, Length(task));
        StateReader reader = SealedState.Open(state);
        RequireSame("seed", reader.ReadUInt64(), task.Seed);
        RequireSame("kind of noise", reader.ReadString(), Word(NoiseWords.Kinds, task.Noise));
        RequireSame("element type of noise", reader.ReadString(), Word(NoiseWords.Dtypes, task.NoiseDtype));
        RequireSame("number of channels", reader.ReadInt32(), task.LatentShape[0]);
        RequireSame("latents' height", reader.ReadInt32(), task.LatentShape[1]);
        RequireSame("latents' width", reader.ReadInt32(), task.LatentShape[2]);
        reader.Read(run.InitialLatents);
        reader.Read(run.Latents);
        run.Scheduler.Resume(reader);
        run._noise.Restore(reader);
        return reader.Remaining == 0 ? run : throw new InvalidDataException($"{reader.Remaining} bytes follow the saved run");
    }

    private static Scheduler StartScheduler(DenoiseTask task)
    {
        Scheduler scheduler = SchedulerCatalog.Create(task.Scheduler);
        scheduler.Start(task.Sampling);
        return scheduler;
    }

    private static int Length(DenoiseTask task)
    {
        IReadOnlyList<int> shape = task.LatentShape;
        long length = shape.Count == 3 && shape.All(size => size > 0) ? (long)shape[0] * shape[1] : 0;
        return length is > 0 and <= int.MaxValue && length * shape[2] <= Array.MaxLength
            ? (int)(length * shape[2])
            : throw new ArgumentException($"Latents of [{string.Join(", ", shape)}] where [channels, height, width] belong", nameof(task));
    }

    private static void RequireStart(Tensor start, IReadOnlyList<int> shape, int length)
    {
        int[] expected = [1, .. shape];
        if (!start.Shape.SequenceEqual(expected) || start.Values.Length != length)
        {
            throw new ArgumentException(
                $"The start latents are {start.Values.Length} values of [{string.Join(", ", start.Shape)}] where [{string.Join(", ", expected)}] belong", nameof(start));
        }
        if (!Finite.All(start.Values))
        {
            throw new ArgumentException("The start latents are not finite (NaN or infinity)", nameof(start));
        }
    }

    private static void RestoreGenerator(INoiseGenerator noise, ReadOnlyMemory<byte> state)
    {
        var reader = new StateReader(state);
        try
        {
            noise.Restore(reader);
        }
        catch (InvalidDataException exception)
        {
            throw new ArgumentException("The generator's state does not fit the task: " + exception.Message, nameof(state), exception);
        }
        if (reader.Remaining != 0)
        {
            throw new ArgumentException($"{reader.Remaining} bytes follow the generator's state", nameof(state));
        }
    }

    private static void RequireSame<T>(string what, T saved, T own)
        where T : notnull
    {
        if (!saved.Equals(own))
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"The saved run is of another task: its {what} is {saved}, not {own}"));
        }
    }

    private static string Word<T>(IReadOnlyDictionary<string, T> words, T value)
        where T : struct, Enum => words.First(word => word.Value.Equals(value)).Key;

    private byte[] SaveGenerator()
    {
        var writer = new StateWriter();
        _noise.Save(writer);
        return writer.Written.ToArray();
    }
}
