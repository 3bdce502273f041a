using Brownian.Inference.Engines;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>Creates the runner of a kind of stages.</summary>
/// <param name="Create">Creates the runner for the engines that it uses.</param>
public sealed record StageRunnerFactory(Func<IEngines, IStageRunner> Create);
