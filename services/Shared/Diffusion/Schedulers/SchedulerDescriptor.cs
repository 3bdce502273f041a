using Brownian.Diffusion.Configuration;

namespace Brownian.Diffusion.Schedulers;

/// <summary>A scheduler class: its name in <c>scheduler_config.json</c>, what it can be set to, and how one is made.</summary>
/// <param name="ClassName">The reference's class name, for example <c>EulerDiscreteScheduler</c>.</param>
/// <param name="Summary">What it is, in one line.</param>
/// <param name="Create">Makes one from a configuration of this class.</param>
/// <param name="Options">The fields it knows, with its defaults.</param>
public sealed record SchedulerDescriptor(
    string ClassName, string Summary, Func<SchedulerConfig, Scheduler> Create, IReadOnlyList<SchedulerOption> Options)
{
    private readonly Dictionary<string, SchedulerOption> _byName = Options.ToDictionary(option => option.Name, StringComparer.Ordinal);

    /// <summary>The option of that name, or null.</summary>
    public SchedulerOption? Find(string name) => _byName.GetValueOrDefault(name);
}
