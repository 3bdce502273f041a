namespace Brownian.Gateway.Direct;

/// <summary>Runs the stages of direct requests: in this process, or at workers.</summary>
public interface IDirectStages
{
    /// <summary>Runs a stage to completion.</summary>
    /// <param name="context">The stage, its values and its events.</param>
    /// <param name="cancellationToken">Stops the stage.</param>
    Task RunAsync(DirectContext context, CancellationToken cancellationToken);
}
