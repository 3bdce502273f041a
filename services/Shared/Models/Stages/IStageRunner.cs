using Brownian.Formats.Files;

namespace Brownian.Models.Stages;

/// <summary>Does the stages of one kind, whatever door the work came through.</summary>
public interface IStageRunner
{
    /// <summary>One of <see cref="Plans.StageKind"/>.</summary>
    string Kind { get; }

    /// <summary>Does a stage, or what is left of it. Doing it again gives the same.</summary>
    /// <exception cref="StageReturnedException">The context asked to hand back.</exception>
    /// <exception cref="FieldFaultException">The stage's settings are wrong.</exception>
    /// <exception cref="ModelException">The model is missing, another one, or failed.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    Task RunAsync(IStageContext context, CancellationToken cancellationToken);
}
