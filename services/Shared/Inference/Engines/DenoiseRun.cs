using System.Numerics.Tensors;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;
using Brownian.Inference.Sessions;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>A task on its way: its latents, its scheduler, its generator.</summary>
internal sealed class DenoiseRun
{
    private readonly INoiseGenerator _noise;
    private readonly StateWriter _kept = new();
    private readonly int _end;
    private float[]? _outside;
    private float[]? _composed;
    private float[]? _unconditional;
    private float[]? _conditional;
    private float[]? _perturbed;

    /// <exception cref="ArgumentException">The task's latent shape, start latents or generator's state are not what they must be.</exception>
    /// <exception cref="FieldFaultException">The scheduler cannot be made or cannot make such a run.</exception>
    public DenoiseRun(DenoiseTask task)
        : this(task, Length(task))
    {
        if (!task.GeneratorState.IsEmpty)
        {
            RestoreGenerator(_noise, task.GeneratorState);
        }
        // The order of the draws is the reference's: picture, noise, masked picture; a small picture's noise before or after the run's.
        ImageCondition? image = task.Image;
        if (image is { Role: ImageRole.Enlarge, Noise: null or { First: true } })
        {
            ImageLatents = Enlarged(image);
        }
        if (task.StartLatents is { } start)
        {
            RequireStart(start, task.LatentShape, Latents.Length);
            start.Values.CopyTo(Latents, 0);
            start.Values.CopyTo(InitialLatents, 0);
            return;
        }
        if (image is { Image: { } picture, Role: not ImageRole.Enlarge })
        {
            ImageLatents = Sample(picture, image);
        }
        if (image is not { Start: DenoiseStart.Image, Mask: null })
        {
            _noise.FillNormal(InitialLatents);
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
        if (image is { KeepsPrevious: true, Mask: not null, Start: DenoiseStart.NoisedImage })
        {
            Blend(image.Mask, begin);
        }
        if (image is { Role: ImageRole.Enlarge, Noise.First: false })
        {
            ImageLatents = Enlarged(image);
        }
        if (image?.MaskedImage is { } masked)
        {
            MaskedImageLatents = Sample(masked, image);
        }
    }

    private DenoiseRun(DenoiseTask task, int length)
    {
        Task = task;
        RequireImage(task);
        RequireControls(task);
        RequireTiling(task);
        Controls = [.. task.Controls.Select(condition => new ControlRun(condition))];
        Scheduler = StartScheduler(task);
        _end = Math.Min(task.End ?? int.MaxValue, Scheduler.Timesteps.Length);
        _noise = NoiseNames.Create(task.Noise, task.Seed, task.NoiseDtype);
        Latents = new float[length];
        InitialLatents = new float[length];
        int beside = task.Image?.Role switch
        {
            ImageRole.Inpaint => 1 + task.LatentShape[0],
            ImageRole.Guide => task.LatentShape[0],
            ImageRole.Enlarge => task.Image.Image!.Shape[1],
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

    /// <summary>The picture's latents, drawn and scaled.</summary>
    public float[]? ImageLatents { get; private set; }

    /// <summary>The same without what the mask covers.</summary>
    public float[]? MaskedImageLatents { get; private set; }

    /// <summary>Its ControlNets.</summary>
    public ControlRun[] Controls { get; }

    /// <summary>What its latents are cut into; null where the model sees all of them at once.</summary>
    public LatentWindows? Windows { get; }

    /// <summary>The sizes of its rows in a batch; the denoiser, which knows the graph, sets those of further inputs.</summary>
    public DenoiserSize Size { get; set; }

    /// <summary>Model calls made so far.</summary>
    public int Evaluation => Scheduler.StepIndex - Task.First;

    /// <summary>Model calls in all.</summary>
    public int Evaluations => _end - Task.First;

    /// <summary>Whether every model call was made.</summary>
    public bool IsDone => Scheduler.StepIndex >= _end;

    /// <summary>
    /// How many rows of a batch it takes: with guidance first the pass without the prompt, then one a prompt; with a guiding picture the
    /// prompt's, the picture's and the one without both.
    /// </summary>
    public int Rows =>
        Task.NegativeEmbedding is null || !Task.Guidance.IsActiveAt(Evaluation, Evaluations) ? 1 : IsGuided ? 3 : 1 + Math.Max(1, Task.Prompts.Count);

    /// <summary>Whether the next evaluation also wants the prediction of a graph with perturbed self-attention.</summary>
    public bool IsPerturbed => Task.Guidance.PerturbedScale > 0;

    /// <summary>Whether its prompts may be others from evaluation to evaluation.</summary>
    public bool ChangesConditions => Task.Prompts.Count > 0 || Task.Negative is not null;

    /// <summary>Which of its rows is the prompt's pass.</summary>
    public int PromptRow => IsGuided || Rows == 1 ? 0 : 1;

    private bool IsGuided => Task.Image?.Role == ImageRole.Guide;

    /// <summary>The step that the next evaluation belongs to, from 1.</summary>
    private int Step => Evaluation / Scheduler.Order + 1;

    public void CopyConditions(DenoiserBinding binding, int row, IReadOnlyList<GraphTensor> further)
    {
        for (int pass = 0; pass < Rows; pass++)
        {
            CopyConditions(binding, row + pass, pass, further);
        }
    }

    /// <summary>What the graph with perturbed self-attention predicts for the prompt's pass.</summary>
    /// <param name="binding">Of that graph, one row.</param>
    /// <param name="usual">Of the run's own graph, its samples written.</param>
    /// <param name="row">The run's first row there.</param>
    /// <param name="further">The graph's further inputs.</param>
    public void WritePerturbed(DenoiserBinding binding, DenoiserBinding usual, int row, IReadOnlyList<GraphTensor> further)
    {
        CopyConditions(binding, 0, PromptRow, further);
        usual.Input(row + PromptRow).CopyTo(binding.Input(0));
        binding.SetTimestep(Scheduler.Timestep);
    }

    /// <summary>Remembers it for <see cref="TakeOutput"/>.</summary>
    public void TakePerturbed(DenoiserBinding binding)
    {
        _perturbed ??= new float[Latents.Length];
        binding.Output(0)[..Latents.Length].CopyTo(_perturbed);
    }

    private void CopyConditions(DenoiserBinding binding, int row, int pass, IReadOnlyList<GraphTensor> further)
    {
        if (Task.Embedding is not null)
        {
            binding.SetEmbedding(row, Embedding(pass));
        }
        if (Task.Pooled is { } condition)
        {
            binding.SetPooled(row, Pooled(pass));
            if (condition.TimeIds.Count > 0)
            {
                binding.SetTimeIds(row, TimeIds(pass));
            }
        }
        if (Task.GuidanceEmbedding is { } w)
        {
            Span<float> guidance = binding.Guidance(row);
            if (guidance.Length == 1)
            {
                guidance[0] = (float)w;
            }
            else
            {
                GuidanceEmbedding.Fill(w, guidance);
            }
        }
        for (int i = 0; i < further.Count; i++)
        {
            GraphCondition own = Task.ExtraInputs.First(condition => condition.Input == further[i].Name);
            binding.SetExtraInput(i, row, (IsPositive(pass) ? own.Value : own.Negative ?? own.Value).Values);
        }
    }

    private (Tensor Embedding, Tensor? Pooled) PromptOf(int place) =>
        Task.Prompts.Count == 0 ? (Task.Embedding!, Task.Pooled?.Pooled) : Task.Prompts[place].At(Step);

    private (Tensor Embedding, Tensor? Pooled) NegativeNow() => Task.Negative?.At(Step) ?? (Task.NegativeEmbedding!, Task.Pooled?.NegativePooled);

    /// <summary>What a pass is conditioned on: [tokens, width].</summary>
    public ReadOnlySpan<float> Embedding(int pass) => Condition(pass).Embedding.Values;

    /// <summary>XL's pooled embedding of a pass.</summary>
    public ReadOnlySpan<float> Pooled(int pass) => Condition(pass).Pooled!.Values;

    /// <summary>XL's sizes of a pass.</summary>
    public float[] TimeIds(int pass) => [.. (IsPositive(pass) ? Task.Pooled!.TimeIds : Task.Pooled!.NegativeTimeIds).Select(id => (float)id)];

    private (Tensor Embedding, Tensor? Pooled) Condition(int pass) => IsPositive(pass) ? PromptOf(pass - PromptRow) : NegativeNow();

    private bool IsPositive(int pass) => IsGuided ? pass == 0 : pass >= PromptRow;

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
            case ImageRole.Enlarge when Task.Image.IsScaledWithSample:
                Scheduler.ScaleModelInput(ImageLatents, beside);
                break;
            case ImageRole.Enlarge:
                ImageLatents.CopyTo(beside);
                break;
        }
        for (int pass = 1; pass < Rows; pass++)
        {
            input.CopyTo(binding.Input(row + pass));
        }
        if (IsGuided && Rows == 3)
        {
            binding.Input(row + 2)[Latents.Length..].Clear();
        }
    }

    /// <summary>Guides the prediction and moves the latents on.</summary>
    public void TakeOutput(IDenoiserRows binding, int row)
    {
        Span<float> whole = binding.Output(row), prediction = whole[..Latents.Length];
        if (whole.Length > Latents.Length && Rows > 1)
        {
            // The variances are those of the prompt's pass, unguided.
            binding.Output(row + PromptRow)[Latents.Length..].CopyTo(whole[Latents.Length..]);
        }
        int rows = Rows;
        if (IsPerturbed)
        {
            // The guided prediction may take its place.
            _conditional ??= new float[Latents.Length];
            Predicted(binding, row + PromptRow).CopyTo(_conditional);
        }
        if (Task.Guidance.ZeroStar && rows == 2)
        {
            ClassifierFreeGuidance.Fit(prediction, Predicted(binding, row + 1));
        }
        if (Task.Guidance.Method == GuidanceMethod.CfgPlusPlus && rows > 1)
        {
            _unconditional ??= new float[Latents.Length];
            prediction.CopyTo(_unconditional);
        }
        if (IsGuided && rows == 3)
        {
            ImageGuidance.Combine(
                prediction, Predicted(binding, row + 1), Predicted(binding, row + 2), (float)Task.GuidanceScale, (float)Task.Image!.GuidanceScale,
                prediction);
        }
        else if (Task.Prompts is { Count: > 1 } or [{ Weight: not 1 }] && rows > 1)
        {
            Compose(binding, row, prediction);
        }
        else if (rows == 2)
        {
            ReadOnlySpan<float> own = Predicted(binding, row + 1);
            ClassifierFreeGuidance.Combine(prediction, own, (float)Task.GuidanceScale, prediction);
            if (Task.GuidanceRescale > 0)
            {
                ClassifierFreeGuidance.Rescale(prediction, own, (float)Task.GuidanceRescale);
            }
        }
        if (IsPerturbed)
        {
            PerturbedGuidance.Add(prediction, _conditional, _perturbed, (float)Task.Guidance.PerturbedScale);
        }
        int evaluation = Scheduler.StepIndex;
        float timestep = Scheduler.Timestep;
        KeepPrevious();
        if (Task.Guidance.Method == GuidanceMethod.CfgPlusPlus && rows > 1)
        {
            Scheduler.Step(prediction, _unconditional, Latents, _noise);
        }
        else
        {
            Scheduler.Step(Scheduler.UsesVariances ? whole : prediction, Latents, _noise);
        }
        KeepOutsideMask();
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
        Scheduler.Timesteps[Task.First.._end].ToArray(),
        Scheduler.Sigmas.ToArray(),
        SaveGenerator())
    {
        // The small picture of a super-resolution has as many channels as it has, not those of the latents.
        ImageLatents = ImageLatents is { } image
            ? new Tensor(image, [1, image.Length / (Task.LatentShape[1] * Task.LatentShape[2]), .. Task.LatentShape.Skip(1)])
            : null,
        MaskedImageLatents = MaskedImageLatents is { } masked ? new Tensor(masked, [1, .. Task.LatentShape]) : null,
    };

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
        writer.Write(NameOf(NoiseNames.Kinds, Task.Noise));
        writer.Write(NameOf(NoiseNames.Dtypes, Task.NoiseDtype));
        foreach (int size in Task.LatentShape)
        {
            writer.Write(size);
        }
        writer.Write((ReadOnlySpan<float>)InitialLatents);
        writer.Write((ReadOnlySpan<float>)Latents);
        foreach (float[]? drawn in (float[]?[])[ImageLatents, MaskedImageLatents])
        {
            writer.Write(drawn?.Length ?? 0);
            if (drawn is not null)
            {
                writer.Write((ReadOnlySpan<float>)drawn);
            }
        }
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
        RequireSame("kind of noise", reader.ReadString(), NameOf(NoiseNames.Kinds, task.Noise));
        RequireSame("element type of noise", reader.ReadString(), NameOf(NoiseNames.Dtypes, task.NoiseDtype));
        RequireSame("number of channels", reader.ReadInt32(), task.LatentShape[0]);
        RequireSame("latents' height", reader.ReadInt32(), task.LatentShape[1]);
        RequireSame("latents' width", reader.ReadInt32(), task.LatentShape[2]);
        reader.Read(run.InitialLatents);
        reader.Read(run.Latents);
        run.ImageLatents = ReadDrawn(reader, task.Image?.Role == ImageRole.Enlarge ? task.Image.Image!.Values.Length : run.Latents.Length);
        run.MaskedImageLatents = ReadDrawn(reader, run.Latents.Length);
        run.Scheduler.Resume(reader);
        run._noise.Restore(reader);
        return reader.Remaining == 0 ? run : throw new InvalidDataException($"{reader.Remaining} bytes follow the saved run");
    }

    private static Scheduler StartScheduler(DenoiseTask task)
    {
        Scheduler scheduler = SchedulerCatalog.Create(task.Scheduler);
        scheduler.Start(task.Sampling);
        if (task.First < 0 || task.First >= (task.End ?? scheduler.Timesteps.Length) || task.First >= scheduler.Timesteps.Length)
        {
            throw new ArgumentException($"The run goes from evaluation {task.First} to {task.End} of {scheduler.Timesteps.Length}", nameof(task));
        }
        scheduler.BeginAt(task.First);
        return scheduler;
    }

    private static float[]? ReadDrawn(StateReader reader, int length)
    {
        int saved = reader.ReadInt32();
        if (saved == 0)
        {
            return null;
        }
        RequireSame("number of a picture's values", saved, length);
        var drawn = new float[length];
        reader.Read(drawn);
        return drawn;
    }

    /// <summary>Refuses pictures that do not fit the latents.</summary>
    private static void RequireImage(DenoiseTask task)
    {
        if (task.Image is not { } image)
        {
            return;
        }
        if (image.Role == ImageRole.Enlarge)
        {
            RequireSmall(task, image);
            return;
        }
        int[] latents = [1, .. task.LatentShape], moments = [1, 2 * task.LatentShape[0], .. task.LatentShape.Skip(1)];
        foreach (Tensor? tensor in (Tensor?[])[image.Image, image.MaskedImage])
        {
            if (tensor is not null && !tensor.Shape.SequenceEqual(latents) && !tensor.Shape.SequenceEqual(moments))
            {
                throw new ArgumentException(
                    $"A picture of [{string.Join(", ", tensor.Shape)}] where [{string.Join(", ", moments)}] or [{string.Join(", ", latents)}] belong",
                    nameof(task));
            }
        }
        RequireMask(task, image);
        bool lacks = image.Role switch
        {
            ImageRole.Inpaint => image.Mask is null || image.MaskedImage is null || (image.Start != DenoiseStart.Noise && image.Image is null),
            ImageRole.Guide => image.Image is null || image.Start != DenoiseStart.Noise,
            _ => image.Image is null,
        };
        if (lacks)
        {
            throw new ArgumentException(
                $"The run lacks the picture or the mask that it begins at or is guided by ({image.Role}, {image.Start})", nameof(task));
        }
    }

    private static void RequireMask(DenoiseTask task, ImageCondition image)
    {
        if (image.Mask is { } mask && !mask.Shape.SequenceEqual([1, 1, .. task.LatentShape.Skip(1)]))
        {
            throw new ArgumentException(
                $"A mask of [{string.Join(", ", mask.Shape)}] where [1, 1, {task.LatentShape[1]}, {task.LatentShape[2]}] belong", nameof(task));
        }
    }

    /// <summary>Refuses a small picture that does not lie over the run's own, and one to begin at that is not of its size.</summary>
    private static void RequireSmall(DenoiseTask task, ImageCondition image)
    {
        if (image.Image?.Shape is not [1, > 0, var height, var width] || height != task.LatentShape[1] || width != task.LatentShape[2])
        {
            throw new ArgumentException(
                $"A picture of [{string.Join(", ", image.Image?.Shape ?? [])}] where [1, channels, "
                    + $"{task.LatentShape[1]}, {task.LatentShape[2]}] belong",
                nameof(task));
        }
        if (image.Original is { } original && !original.Shape.SequenceEqual([1, .. task.LatentShape]))
        {
            throw new ArgumentException(
                $"A picture to begin at of [{string.Join(", ", original.Shape)}] where [1, {string.Join(", ", task.LatentShape)}] belong",
                nameof(task));
        }
        if (image.Original is null == (image.Start != DenoiseStart.Noise) || image.Mask is not null
            && !(image is { KeepsPrevious: true, Original: not null }))
        {
            throw new ArgumentException(
                $"The run begins at {image.Start} with {(image.Original is null ? "no" : "a")} picture to begin at and "
                    + $"{(image.Mask is null ? "no" : "a")} mask; they belong together",
                nameof(task));
        }
        if (!Finite.All(image.Image.Values) || (image.Original is not null && !Finite.All(image.Original.Values)))
        {
            throw new ArgumentException("The picture that is made larger or that the run begins at is not finite (NaN or infinity)", nameof(task));
        }
        RequireMask(task, image);
    }

    /// <summary>Refuses ControlNets' pictures that do not fit the latents, and windows and scales that are none.</summary>
    private static void RequireControls(DenoiseTask task)
    {
        foreach (ControlCondition control in task.Controls)
        {
            if (control.Image.Shape is not [1, 3, var height, var width] || height < 1 || width < 1
                || (long)height * task.LatentShape[2] != (long)width * task.LatentShape[1] || height % task.LatentShape[1] != 0)
            {
                throw new ArgumentException(
                    $"{control.Net.Name} is shown a picture of [{string.Join(", ", control.Image.Shape)}] where [1, 3, n * "
                        + $"{task.LatentShape[1]}, n * {task.LatentShape[2]}] belong",
                    nameof(task));
            }
            if (!Finite.All(control.Image.Values))
            {
                throw new ArgumentException($"{control.Net.Name} is shown a picture that is not finite (NaN or infinity)", nameof(task));
            }
            if (!double.IsFinite(control.Scale) || !(control.Start >= 0 && control.Start < control.End && control.End <= 1))
            {
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{control.Net.Name} is heard {control.Scale} times from {control.Start} to {control.End}; "
                            + $"allowed: finite, 0 <= start < end <= 1"),
                    nameof(task));
            }
        }
    }

    /// <summary>Refuses windows that are none, and what windows cannot have beside them.</summary>
    private static void RequireTiling(DenoiseTask task)
    {
        if (task.Tiling is not { } tiling)
        {
            return;
        }
        if (tiling.Side < 1 || tiling.Overlap < 0 || tiling.Overlap > tiling.Side / 2)
        {
            throw new ArgumentException(
                $"Windows of {tiling.Side} latents with {tiling.Overlap} in common; allowed: at least 1, and 0 to half of that", nameof(task));
        }
        if (task.Controls.Count > 0 || task.Guidance.PerturbedScale > 0)
        {
            throw new ArgumentException("A run in windows has ControlNets or perturbed-attention guidance; allowed: neither", nameof(task));
        }
    }

    /// <summary>
    /// Latents of the picture: drawn from its moments, but for a guiding one, whose mean they are, unscaled, as the reference has them.
    /// </summary>
    private float[] Sample(Tensor picture, ImageCondition image)
    {
        int length = Latents.Length;
        var latents = new float[length];
        if (picture.Values.Length == length)
        {
            picture.Values.CopyTo(latents, 0);
        }
        else
        {
            ReadOnlySpan<float> mean = picture.Values.AsSpan(0, length), logarithm = picture.Values.AsSpan(length);
            if (image.Role == ImageRole.Guide)
            {
                mean.CopyTo(latents);
                return latents;
            }
            _noise.FillNormal(latents);
            for (int i = 0; i < length; i++)
            {
                latents[i] = mean[i] + MathF.Exp(0.5f * Math.Clamp(logarithm[i], -30f, 20f)) * latents[i];
            }
        }
        if (!image.IsScaled && image.Role != ImageRole.Guide)
        {
            image.Scaling.Scale(latents);
        }
        return latents;
    }

    /// <summary>The small picture as the model sees it.</summary>
    private float[] Enlarged(ImageCondition image)
    {
        float[] small = [.. image.Image!.Values];
        if (image.Noise is { } added)
        {
            var noise = new float[small.Length];
            _noise.FillNormal(noise);
            Scheduler scheduler = SchedulerCatalog.Create(added.Scheduler);
            scheduler.Start(new SamplingOptions { Timesteps = [added.Level] });
            scheduler.AddNoise(small, noise, small, 0);
        }
        return small;
    }

    private Span<float> Predicted(IDenoiserRows binding, int row) => binding.Output(row)[..Latents.Length];

    /// <summary>Several prompts: what each adds to the pass without one, weighed.</summary>
    private void Compose(IDenoiserRows binding, int row, Span<float> none)
    {
        _composed ??= new float[none.Length];
        none.CopyTo(_composed);
        for (int i = 0; i < Task.Prompts.Count; i++)
        {
            float scale = (float)(Task.GuidanceScale * Task.Prompts[i].Weight);
            ReadOnlySpan<float> own = Predicted(binding, row + 1 + i);
            for (int j = 0; j < none.Length; j++)
            {
                _composed[j] += scale * (own[j] - none[j]);
            }
        }
        _composed.CopyTo(none);
    }

    /// <summary>Remembers what the mask does not cover, in models that leave it as it is.</summary>
    private void KeepPrevious()
    {
        if (Task.Image is { KeepsPrevious: true, Mask: not null })
        {
            _outside ??= new float[Latents.Length];
            Latents.CopyTo(_outside, 0);
        }
    }

    /// <summary>
    /// What the mask does not cover is the picture again, noised as the next evaluation expects it (<c>pipeline_stable_diffusion_inpaint.py</c>).
    /// </summary>
    private void KeepOutsideMask()
    {
        if (Task.Image is not { Role: ImageRole.Begin or ImageRole.Enlarge, Mask: { } mask })
        {
            return;
        }
        if (Task.Image.KeepsPrevious)
        {
            Blend(mask, _outside);
            return;
        }
        _outside ??= new float[Latents.Length];
        // The last evaluation of the run, not of the schedule, ends at the clean picture.
        if (Scheduler.StepIndex < _end)
        {
            Scheduler.AddNoise(ImageLatents, InitialLatents, _outside, Scheduler.StepIndex);
        }
        else
        {
            ImageLatents!.CopyTo(_outside, 0);
        }
        Blend(mask, _outside);
    }

    private void Blend(Tensor mask, ReadOnlySpan<float> outside)
    {
        int size = mask.Values.Length;
        for (int i = 0; i < Latents.Length; i++)
        {
            float anew = mask.Values[i % size];
            Latents[i] = (1 - anew) * outside[i] + anew * Latents[i];
        }
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
                $"The start latents are {start.Values.Length} values of [{string.Join(", ", start.Shape)}] where "
                    + $"[{string.Join(", ", expected)}] belong",
                nameof(start));
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
            throw new InvalidDataException(
                string.Create(CultureInfo.InvariantCulture, $"The saved run is of another task: its {what} is {saved}, not {own}"));
        }
    }

    private static string NameOf<T>(IReadOnlyDictionary<string, T> names, T value)
        where T : struct, Enum => names.First(word => word.Value.Equals(value)).Key;

    private byte[] SaveGenerator()
    {
        var writer = new StateWriter();
        _noise.Save(writer);
        return writer.Written.ToArray();
    }
}
