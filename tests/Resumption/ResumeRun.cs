using Brownian.Inference.Engines;

namespace Brownian.Resumption;

/// <summary>A task and the names of its states; the result of each state is written beside it.</summary>
/// <param name="Task">The task.</param>
/// <param name="States">Files of the folder.</param>
public sealed record ResumeRun(DenoiseTask Task, IReadOnlyList<string> States);
