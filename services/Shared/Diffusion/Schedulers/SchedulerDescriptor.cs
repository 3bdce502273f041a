using Brownian.Diffusion.Configuration;

namespace Brownian.Diffusion.Schedulers;

/// <summary>A scheduler class: its name in <c>scheduler_config.json</c>, its options and its factory.</summary>
/// <param name="ClassName">The reference's class name, for example <c>EulerDiscreteScheduler</c>.</param>
/// <param name="Summary">A description in one line.</param>
/// <param name="Create">Creates a scheduler from a configuration of this class.</param>
/// <param name="Options">The fields that the class supports, with its defaults.</param>
public sealed record SchedulerDescriptor(
    string ClassName, string Summary, Func<SchedulerConfig, Scheduler> Create, IReadOnlyList<SchedulerOption> Options)
{
    private readonly Dictionary<string, SchedulerOption> _byName = Options.ToDictionary(option => option.Name, StringComparer.Ordinal);

    /// <summary>The models that the class is for.</summary>
    public SchedulerPurpose Purpose { get; init; }

    /// <summary>Returns the option with a name, or null.</summary>
    public SchedulerOption? Find(string name) => _byName.GetValueOrDefault(name);
}
