using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// An algorithm that denoises from noise to an image, as a step machine that never calls the model. <see cref="Timestep"/> and
/// <see cref="ScaleModelInput"/> define the next evaluation, and <see cref="Step(ReadOnlySpan{float}, Span{float}, INoiseGenerator)"/> receives the
/// model's output. Methods with two evaluations per step request two of them. An object serves one run of one task. Its state is float32 and can be
/// saved between any two evaluations. Not safe for concurrent use.
/// </summary>
public abstract class Scheduler
{
    /// <summary>Larger than any batch. Some schedulers compute a norm for each image.</summary>
    private const int MaxImages = 1024;
    private const int StateVersion = 1;

    private float[] _timesteps = [];
    private float[] _sigmas = [];
    private SamplingOptions? _options;

    /// <param name="config">The settings of the derived class.</param>
    protected Scheduler(SchedulerConfig config)
    {
        Config = config;
    }

    /// <summary>The settings.</summary>
    public SchedulerConfig Config { get; }

    /// <summary>The timestep of every model evaluation of the run, in order.</summary>
    public ReadOnlySpan<float> Timesteps => _timesteps;

    /// <summary>
    /// The noise levels of the run including the final one, which makes one more than the evaluations; empty for classes without them.
    /// </summary>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    /// <summary>The index of the next evaluation in <see cref="Timesteps"/>.</summary>
    public int StepIndex { get; private set; }

    /// <summary>The index of the run's first evaluation; not 0 when it continues from a noised image.</summary>
    public int BeginIndex { get; private set; }

    /// <summary>Whether every evaluation has been made.</summary>
    public bool IsDone => StepIndex >= _timesteps.Length;

    /// <summary>The timestep of the next evaluation.</summary>
    public float Timestep => _timesteps[StepIndex];

    /// <summary>The number of evaluations per step: 2 for Heun-like methods.</summary>
    public virtual int Order => 1;

    /// <summary>The factor of the initial noise. It depends on the run for most classes based on sigmas.</summary>
    public virtual float InitNoiseSigma => 1;

    /// <summary>The largest number of steps that this configuration supports.</summary>
    public virtual int MaximumSteps => Config.Integer("num_train_timesteps");

    /// <summary>The smallest number of steps that this configuration supports.</summary>
    public virtual int MinimumSteps => 1;

    /// <summary>Whether a step of this class adds noise scaled by <see cref="SamplingOptions.Eta"/>.</summary>
    public virtual bool TakesEta => false;

    /// <summary>Whether a step accepts the unconditional output in addition to the guided one (CFG++).</summary>
    public virtual bool TakesUnconditional => false;

    /// <summary>Whether a step uses the variances that a model predicts in addition to the noise; other classes and settings ignore them.</summary>
    public virtual bool UsesVariances => false;

    /// <summary>Whether <see cref="SamplingOptions.Timesteps"/> is supported.</summary>
    public virtual bool TakesTimesteps => false;

    /// <summary>Whether <see cref="SamplingOptions.Sigmas"/> is supported.</summary>
    public virtual bool TakesSigmas => false;

    /// <summary>The largest number that <see cref="SamplingOptions.Timesteps"/> may contain.</summary>
    protected virtual double MaxTimestep => MaximumSteps - 1;

    /// <summary>The largest number that <see cref="SamplingOptions.Sigmas"/> may contain; its square must be within the range of float32.</summary>
    protected virtual double MaxSigma => 1e15;

    /// <summary>The minimum number of elements of <see cref="SamplingOptions.Sigmas"/>.</summary>
    protected virtual int FewestSigmas => 1;

    /// <summary>The options of the run.</summary>
    /// <exception cref="InvalidOperationException">No run was started.</exception>
    protected SamplingOptions Run => _options ?? throw new InvalidOperationException("The scheduler is not started");

    /// <summary>Plans a run and moves to its first evaluation. The history of an earlier run is discarded, unless the new run is rejected.</summary>
    /// <param name="options">The options of the run.</param>
    /// <exception cref="FieldFaultException">The class does not support such a run.</exception>
    public void Start(SamplingOptions options)
    {
        Validate(options);
        (float[] timesteps, float[] sigmas) = Plan(options);
        RequireFinite(timesteps, "timestep");
        RequireFinite(sigmas, "sigma");
        (_options, _timesteps, _sigmas) = (options, timesteps, sigmas);
        Reset();
        BeginAt(0);
    }

    /// <summary>Moves to an evaluation without making the ones before it. The history is kept.</summary>
    /// <param name="index">0..the number of <see cref="Timesteps"/>.</param>
    public void BeginAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, _timesteps.Length);
        BeginIndex = index;
        StepIndex = index;
    }

    /// <summary>Computes the model's input for the next evaluation.</summary>
    /// <param name="sample">The current sample.</param>
    /// <param name="modelInput">Has the sample's length; may be the sample itself.</param>
    public virtual void ScaleModelInput(ReadOnlySpan<float> sample, Span<float> modelInput)
    {
        if (sample != modelInput)
        {
            sample.CopyTo(modelInput);
        }
    }

    /// <summary>Applies the model's output for the current evaluation and advances the sample, in place.</summary>
    /// <param name="modelOutput">
    /// Has the sample's length, or twice that when the model also predicts variances: for each image first the prediction, then the variances.
    /// </param>
    /// <param name="sample">[images, ...], one image after the other.</param>
    /// <param name="noise">The task's generator.</param>
    public void Step(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (IsDone)
        {
            throw new InvalidOperationException("Every evaluation of the run is done");
        }
        if (modelOutput.Length != sample.Length && modelOutput.Length != 2 * sample.Length)
        {
            throw new ArgumentException($"The model's output has {modelOutput.Length} elements for a sample of {sample.Length}", nameof(modelOutput));
        }
        Advance(modelOutput, sample, noise);
        StepIndex++;
    }

    /// <summary>
    /// Advances the sample by CFG++ (Chung et al. 2024, arXiv 2406.08070): towards the clean image of the guided output, along the noise of the
    /// unconditional one.
    /// </summary>
    /// <param name="modelOutput">The guided output; has the sample's length.</param>
    /// <param name="unconditional">The unconditional output; has the sample's length.</param>
    /// <param name="sample">[images, ...], one image after the other.</param>
    /// <param name="noise">The task's generator.</param>
    /// <exception cref="NotSupportedException"><see cref="TakesUnconditional"/> is false.</exception>
    public void Step(ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> unconditional, Span<float> sample, INoiseGenerator noise)
    {
        if (IsDone)
        {
            throw new InvalidOperationException("Every evaluation of the run is done");
        }
        if (modelOutput.Length != sample.Length || unconditional.Length != sample.Length)
        {
            throw new ArgumentException(
                $"The model's outputs have {modelOutput.Length} and {unconditional.Length} elements for a sample of {sample.Length}",
                nameof(modelOutput));
        }
        Advance(modelOutput, unconditional, sample, noise);
        StepIndex++;
    }

    /// <summary>Adds noise to a clean image as at an evaluation of the run.</summary>
    /// <param name="original">The image.</param>
    /// <param name="noise">Standard normal numbers; has the same length.</param>
    /// <param name="destination">Has the same length; may be either source.</param>
    /// <param name="index">The evaluation, an index in <see cref="Timesteps"/>.</param>
    public abstract void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index);

    /// <summary>Writes the whole state: class, settings, run, position and history.</summary>
    public void Save(StateWriter writer)
    {
        writer.Write("scheduler");
        writer.Write(StateVersion);
        writer.Write(Config.ToJson().ToJsonString());
        writer.Write(JsonSerializer.Serialize(Run, SamplingOptionsJson.Default.SamplingOptions));
        SaveProgress(writer);
    }

    /// <summary>
    /// Writes only the state that changes between evaluations: position and history. Allocates nothing in a writer that is large enough.
    /// </summary>
    public void SaveProgress(StateWriter writer)
    {
        writer.Write(BeginIndex);
        writer.Write(StepIndex);
        SaveHistory(writer);
    }

    /// <summary>Resumes from the state of <see cref="SaveProgress"/>, with the same bits.</summary>
    /// <param name="reader">The state of a scheduler with the same settings and run. This scheduler must have been started and not advanced.</param>
    /// <exception cref="InvalidDataException">The state is damaged; this scheduler must be started again.</exception>
    public void RestoreProgress(StateReader reader)
    {
        int begin = reader.ReadInt32(), step = reader.ReadInt32();
        if (begin < 0 || step < begin || step > _timesteps.Length)
        {
            throw new InvalidDataException($"Saved scheduler state is at evaluation {step} of {_timesteps.Length}, begun at {begin}");
        }
        BeginIndex = begin;
        StepIndex = step;
        RestoreHistory(reader);
    }

    /// <summary>
    /// Resumes from the state of <see cref="Save"/>. This scheduler must have been started, and not advanced, with the settings and the run of the
    /// saved one. Unlike <see cref="Restore"/>, nothing is created from the contents of the state.
    /// </summary>
    /// <exception cref="InvalidDataException">The state is damaged, of another version, or of other settings or another run.</exception>
    public void Resume(StateReader reader)
    {
        ExpectVersion(reader);
        string config = reader.ReadString(), run = reader.ReadString();
        if (config != Config.ToJson().ToJsonString())
        {
            throw new InvalidDataException($"Saved scheduler state is of other settings: {config}");
        }
        if (run != JsonSerializer.Serialize(Run, SamplingOptionsJson.Default.SamplingOptions))
        {
            throw new InvalidDataException($"Saved scheduler state is of another run: {run}");
        }
        RestoreProgress(reader);
    }

    /// <summary>Creates a scheduler that resumes from the state of <see cref="Save"/>, with the same bits.</summary>
    /// <exception cref="InvalidDataException">The state is damaged or of another version.</exception>
    public static Scheduler Restore(StateReader reader)
    {
        ExpectVersion(reader);
        Scheduler scheduler;
        try
        {
            var strict = new JsonDocumentOptions { AllowDuplicateProperties = false };
            scheduler =
                SchedulerCatalog.Create(
                    JsonNode.Parse(reader.ReadString(), documentOptions: strict) as JsonObject
                        ?? throw new JsonException("The settings are not a JSON object"));
            scheduler.Start(
                JsonSerializer.Deserialize(reader.ReadString(), SamplingOptionsJson.Default.SamplingOptions)
                    ?? throw new JsonException("The run is null"));
        }
        catch (Exception exception) when (exception is JsonException or FieldFaultException or InvalidOperationException)
        {
            // A text that is not Unicode is an InvalidOperationException where it is used.
            throw new InvalidDataException("Saved scheduler state is damaged: " + exception.Message, exception);
        }
        scheduler.RestoreProgress(reader);
        return scheduler;
    }

    /// <summary>Computes the run's timesteps, and its sigmas or none.</summary>
    protected abstract (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options);

    /// <summary>Discards the history of an earlier run.</summary>
    protected virtual void Reset()
    {
    }

    /// <summary>
    /// The algorithm: advances the sample by one evaluation. Allocates only at a run's first evaluation, except in
    /// <see cref="DpmSolverSdeScheduler"/>.
    /// </summary>
    protected abstract void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise);

    /// <summary>The algorithm with the noise of the unconditional output.</summary>
    protected virtual void Advance(ReadOnlySpan<float> modelOutput, ReadOnlySpan<float> unconditional, Span<float> sample, INoiseGenerator noise) =>
        throw new NotSupportedException($"{Config.Descriptor.ClassName} does not support CFG++");

    /// <summary>Writes the history of <see cref="Advance(ReadOnlySpan{float}, Span{float}, INoiseGenerator)"/>.</summary>
    protected virtual void SaveHistory(StateWriter writer)
    {
    }

    /// <summary>Reads the history that <see cref="SaveHistory"/> wrote.</summary>
    protected virtual void RestoreHistory(StateReader reader)
    {
    }

    /// <summary>Converts float64 to float32, element by element.</summary>
    protected static float[] ToSingle(ReadOnlySpan<double> values)
    {
        var singles = new float[values.Length];
        for (int i = 0; i < singles.Length; i++)
        {
            singles[i] = (float)values[i];
        }
        return singles;
    }

    private static void ExpectVersion(StateReader reader)
    {
        reader.Expect("scheduler");
        int version = reader.ReadInt32();
        if (version != StateVersion)
        {
            throw new InvalidDataException($"Saved scheduler state has version {version}, this program reads {StateVersion}");
        }
    }

    private void Validate(SamplingOptions options)
    {
        var faults = new List<FieldFault>();
        int given = (options.Steps is null ? 0 : 1) + (options.Timesteps is null ? 0 : 1) + (options.Sigmas is null ? 0 : 1);
        if (given != 1 && !(options.Timesteps is not null && options.Sigmas is not null && options.Steps is null))
        {
            faults.Add(new FieldFault("steps", "exactly one of steps, timesteps and sigmas must be given"));
        }
        if (options.Steps is { } steps && (steps < MinimumSteps || steps > MaximumSteps))
        {
            faults.Add(FieldFault.Of("steps", steps, $"{MinimumSteps}..{MaximumSteps} with {Config.Descriptor.ClassName}"));
        }
        if (options.Timesteps is not null && !TakesTimesteps)
        {
            faults.Add(new FieldFault("timesteps", $"{Config.Descriptor.ClassName} does not support a list of timesteps with these settings"));
        }
        else if (options.Timesteps is { } timesteps)
        {
            CheckList("timesteps", timesteps, 1, MaxTimestep, faults);
        }
        if (options.Sigmas is not null && !TakesSigmas)
        {
            faults.Add(new FieldFault("sigmas", $"{Config.Descriptor.ClassName} does not support a list of sigmas with these settings"));
        }
        else if (options.Sigmas is { } sigmas)
        {
            CheckList("sigmas", sigmas, FewestSigmas, MaxSigma, faults);
        }
        if (options.Sigmas is { } levels && options.Timesteps is { } places && levels.Count != places.Count)
        {
            faults.Add(FieldFault.Of("timesteps", $"{places.Count} numbers", $"{levels.Count} numbers, as many as sigmas"));
        }
        if (options.Mu is { } mu && !double.IsFinite(mu))
        {
            faults.Add(FieldFault.Of("mu", mu, "a finite number"));
        }
        if (options.Eta is { } eta && !(eta >= 0 && double.IsFinite(eta)))
        {
            faults.Add(FieldFault.Of("eta", eta, "a number of 0 and above"));
        }
        if (!(options.Strength > 0 && options.Strength <= 1))
        {
            faults.Add(FieldFault.Of("strength", options.Strength, "above 0, up to 1"));
        }
        if (options.Images is < 1 or > MaxImages)
        {
            faults.Add(FieldFault.Of("images", options.Images, $"1..{MaxImages}"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    /// <summary>Adds a fault for the first invalid number of a list.</summary>
    private static void CheckList(string field, IReadOnlyList<double> values, int fewest, double largest, List<FieldFault> faults)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"decreasing numbers, 0..{largest}");
        if (values.Count < fewest)
        {
            faults.Add(FieldFault.Of(field, $"{values.Count} numbers", $"{fewest} and more"));
        }
        for (int i = 0; i < values.Count; i++)
        {
            if (!(values[i] >= 0 && values[i] <= largest) || (i > 0 && values[i] >= values[i - 1]))
            {
                faults.Add(FieldFault.Of(field, string.Create(CultureInfo.InvariantCulture, $"{values[i]} at place {i}"), allowed));
                return;
            }
        }
    }

    /// <summary>
    /// Rejects values that are not finite. The limits of single options do not prevent all of them, because some depend on several options.
    /// </summary>
    private void RequireFinite(ReadOnlySpan<float> values, string what)
    {
        if (!Finite.All(values))
        {
            int place = values.ToArray().TakeWhile(float.IsFinite).Count();
            throw new FieldFaultException(
                "scheduler",
                Config.ToJson().ToJsonString(),
                string.Create(
                    CultureInfo.InvariantCulture, $"options whose numbers fit in float32; {what} {place} of this run would be {values[place]}"));
        }
    }
}
