namespace Brownian.Jobs.Costs;

/// <summary>The measured time of a unit of a stage.</summary>
/// <param name="Shape">The shape of the stage.</param>
/// <param name="Provider">The kind of device that ran it: cpu, cuda or tensorrt.</param>
/// <param name="Seconds">The time of a unit in seconds.</param>
public sealed record CostSample(StageShape Shape, string Provider, double Seconds);
