using Brownian.Formats.Files;

namespace Brownian.Models.Stages;

/// <summary>Runs the stages of one kind, for jobs and direct calls alike.</summary>
public interface IStageRunner
{
    /// <summary>One of <see cref="Plans.StageKind"/>.</summary>
    string Kind { get; }

    /// <summary>Runs a stage, or the rest of it. Running it again produces the same outputs.</summary>
    /// <exception cref="StageReturnedException">The context requested to hand back the stage.</exception>
    /// <exception cref="FieldFaultException">The stage's settings are invalid.</exception>
    /// <exception cref="ModelException">The model is missing, has another fingerprint, or failed.</exception>
    /// <exception cref="DenoiseException">The model's output is not finite.</exception>
    Task RunAsync(IStageContext context, CancellationToken cancellationToken);
}
