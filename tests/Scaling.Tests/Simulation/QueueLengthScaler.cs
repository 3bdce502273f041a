namespace Brownian.Scaling.Tests.Simulation;

/// <summary>Scales by the number of stages, waiting or running, as KEDA's trigger for RabbitMQ does with the management interface.</summary>
/// <param name="secondsPerStage">The mean time of a stage, by which an operator would choose the number of stages per replica.</param>
internal sealed class QueueLengthScaler(double secondsPerStage) : IPoolScaler
{
    public SimulatedPool? Pool { get; set; }

    public void SetTime(int seconds)
    {
        // The number of stages has no history.
    }

    public Task<bool> IsActiveAsync() => Task.FromResult(Pool!.Stages > 0);

    public Task<double> MetricAsync() => Task.FromResult(Pool!.Stages * secondsPerStage);
}
