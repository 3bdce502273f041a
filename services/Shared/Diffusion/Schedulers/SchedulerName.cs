namespace Brownian.Diffusion.Schedulers;

/// <summary>A short name for a scheduler class with some options set.</summary>
/// <param name="Name">The short name, for example <c>dpm++_2m_karras</c>.</param>
/// <param name="ClassName">The name of the class.</param>
/// <param name="Options">The options that the name sets.</param>
public sealed record SchedulerName(string Name, string ClassName, params IReadOnlyList<(string Name, object Value)> Options);
