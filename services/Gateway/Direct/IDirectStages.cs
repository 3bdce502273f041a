namespace Brownian.Gateway.Direct;

/// <summary>Runs the stages of direct requests: in this process, or at workers.</summary>
public interface IDirectStages
{
    /// <summary>Runs a stage to its end.</summary>
    /// <param name="context">The stage, and where its values and reports go.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task RunAsync(DirectContext context, CancellationToken cancellationToken);
}
