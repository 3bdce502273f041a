using Brownian.Cli.Output;
using Brownian.Client;
using Brownian.Models.Plans;
using Brownian.V1;
using DenoiseProgress = Brownian.Inference.Engines.DenoiseProgress;

namespace Brownian.Cli.Remote;

/// <summary>Runs a request on a gateway: shows its events as progress, and writes its images to files.</summary>
/// <param name="client">The gateway.</param>
/// <param name="files">The output files.</param>
/// <param name="report">Reports what was made.</param>
internal sealed class RemoteGeneration(BrownianClient client, ImageFiles files, GenerationReport report)
{
    /// <summary>Runs a request to completion.</summary>
    /// <param name="request">The request.</param>
    /// <param name="text">The text from which file names are made.</param>
    /// <param name="images">The number of images of the request.</param>
    /// <param name="progress">Receives evaluations, and what the request waits for.</param>
    /// <param name="cancellationToken">Cancels the job.</param>
    /// <returns>The model's name, if the gateway reported it.</returns>
    /// <exception cref="ServerException">The job failed, or was cancelled.</exception>
    public Task<string?> RunAsync(
        GenerateRequest request, string text, int images, IGenerationProgress progress, CancellationToken cancellationToken) =>
        RunAsync(request, artifact => FetchAsync(artifact, images, text, cancellationToken), progress, cancellationToken);

    /// <summary>Runs a request up to its stop_after stage, and returns the partial result.</summary>
    /// <param name="request">The request.</param>
    /// <param name="progress">See <see cref="RunAsync(GenerateRequest, string, int, IGenerationProgress, CancellationToken)"/>.</param>
    /// <param name="cancellationToken">Cancels the job.</param>
    /// <exception cref="ServerException">The job failed, or was cancelled.</exception>
    public async Task<byte[]> KeepAsync(GenerateRequest request, IGenerationProgress progress, CancellationToken cancellationToken)
    {
        byte[]? kept = null;
        await RunAsync(request, async artifact => kept = await client.GetArtifactAsync(artifact.Id, cancellationToken), progress, cancellationToken);
        return kept ?? throw new ServerException("the job has no file of stop_after");
    }

    private async Task<string?> RunAsync(
        GenerateRequest request, Func<Artifact, Task> fetch, IGenerationProgress progress, CancellationToken cancellationToken)
    {
        string? model = request.HasModel ? request.Model : null;
        var kinds = new Dictionary<string, string>(StringComparer.Ordinal);
        var fetched = new HashSet<int>();
        using var waiting = new WaitingPlace(client, progress, cancellationToken);
        await foreach (JobEvent update in client.GenerateAsync(request, cancellationToken))
        {
            switch (update.EventCase)
            {
                case JobEvent.EventOneofCase.Snapshot:
                    model = update.Snapshot.Model;
                    kinds = update.Snapshot.Stages.ToDictionary(stage => stage.Name, stage => stage.Kind, StringComparer.Ordinal);
                    break;
                case JobEvent.EventOneofCase.Accepted:
                    progress.Wait("waiting for a worker");
                    waiting.Show(update.JobId);
                    break;
                case JobEvent.EventOneofCase.StageStarted:
                    waiting.Hide();
                    progress.Wait(update.StageStarted.Stage);
                    break;
                case JobEvent.EventOneofCase.StageReturned:
                    progress.Wait($"waiting: {update.StageReturned.Reason}");
                    waiting.Show(update.JobId);
                    break;
                // A direct call waits in no queue.
                case JobEvent.EventOneofCase.StageCompleted when !request.Direct:
                    waiting.Show(update.JobId);
                    break;
                // Decoding reports progress too, which is not shown. A direct call does not report a stage's kind, but its name is the same.
                case JobEvent.EventOneofCase.Progress when kinds.GetValueOrDefault(update.Progress.Stage, update.Progress.Stage) == StageKind.Denoise:
                    (int step, int steps) = StepOf(update.Progress);
                    progress.Report(new DenoiseProgress(
                        update.Progress.Picture, update.Progress.Evaluation, update.Progress.Evaluations,
                        kinds.Values.Count(kind => kind == StageKind.Denoise) > 1
                            ? update.Progress.Stage
                            : "")
                    {
                        Step = step,
                        Steps = steps,
                    });
                    break;
                case JobEvent.EventOneofCase.Warning:
                    report.Warn(update.Warning.Message);
                    break;
                case JobEvent.EventOneofCase.Artifact when fetched.Add(update.Artifact.Index):
                    await fetch(update.Artifact);
                    break;
                case JobEvent.EventOneofCase.Failed:
                    throw new ServerException(update.Failed.Error.Message);
                case JobEvent.EventOneofCase.Cancelled:
                    throw new ServerException($"job {update.JobId} was cancelled");
            }
        }
        return model;
    }

    /// <summary>Returns the step and the number of steps. A gateway of an older version counts evaluations only.</summary>
    public static (int Step, int Steps) StepOf(Progress progress) =>
        progress.Steps > 0 ? (progress.Step, progress.Steps) : (progress.Evaluation, progress.Evaluations);

    /// <summary>Writes an image to its file.</summary>
    public async Task FetchAsync(Artifact artifact, int images, string text, CancellationToken cancellationToken)
    {
        byte[] bytes = await client.GetArtifactAsync(artifact.Id, cancellationToken);
        report.Write(
            () =>
                files.Name(artifact.Index, images, text, artifact.Seed, JobText.Format(artifact)), bytes, artifact.Seed, artifact.Width,
                artifact.Height);
    }
}
