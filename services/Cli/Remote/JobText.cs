using Brownian.Cli.Output;
using Brownian.Formats.Images;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Cli.Remote;

/// <summary>Formats jobs and their events: as lines for users, and as the gateway's JSON for programs.</summary>
internal static class JobText
{
    /// <summary>Formats a message as one line of JSON, with the names and formats of the gateway's JSON API.</summary>
    public static string Json(IMessage message) => JsonFormatter.Default.Format(message);

    /// <summary>Returns the name of a state, for example "done".</summary>
    public static string NameOf(JobState state) => state.ToString().ToLowerInvariant();

    /// <summary>Formats a job as a line of a list.</summary>
    public static string Line(Job job) =>
        string.Join("    ", ((string[])[job.Id, NameOf(job.State), job.Model, Time(job), Note(job)]).Where(part => part.Length > 0));

    /// <summary>Formats jobs as a table with a header.</summary>
    public static IEnumerable<string> Table(IReadOnlyCollection<Job> jobs)
    {
        const int MaxPrompt = 40;
        string[][] rows =
        [
            ["ID", "STATE", "CREATED", "MODEL", "PROMPT", "NOTE"],
            .. jobs.Select(job => (string[])[job.Id, NameOf(job.State), Time(job), job.Model, TextTable.Cut(Prompt(job), MaxPrompt), Note(job)]),
        ];
        return TextTable.Lines(rows);
    }

    /// <summary>Formats the details of a job.</summary>
    public static IEnumerable<string> Lines(Job job)
    {
        yield return $"id: {job.Id}";
        yield return $"state: {NameOf(job.State)}";
        yield return $"model: {job.Model}";
        yield return $"priority: {job.Priority}";
        yield return $"created: {Time(job)}";
        if (job.EndTime is { } ended)
        {
            yield return $"ended: {ended.ToDateTime():yyyy-MM-ddTHH:mm:ssZ}";
        }
        if (job.RetryOf.Length > 0)
        {
            yield return $"retry of: {job.RetryOf}";
        }
        foreach ((string key, string value) in job.Labels.OrderBy(label => label.Key, StringComparer.Ordinal))
        {
            yield return $"label: {key}={value}";
        }
        yield return $"prompt: {Prompt(job)}";
        foreach (Stage stage in job.Stages)
        {
            yield return $"stage: {stage.Name}, {stage.State.ToString().ToLowerInvariant()}";
        }
        if (job.Progress is { } progress)
        {
            yield return "progress: " + Steps(progress);
        }
        if (job.HasJobsBefore)
        {
            yield return "waiting: " + Place(job.JobsBefore);
        }
        if (job.EstimatedWork is { } work)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"work left: about {work.ToTimeSpan().TotalSeconds:0.0} s");
        }
        foreach (string warning in job.Warnings)
        {
            yield return $"warning: {warning}";
        }
        foreach (Artifact artifact in job.Artifacts)
        {
            yield return $"image: {artifact.Id}, seed {artifact.Seed}, {artifact.Width}x{artifact.Height}, "
                + $"{artifact.MediaType}, {artifact.SizeBytes} bytes";
        }
        if (job.Error is { } error)
        {
            yield return $"error: {error.Message}";
        }
    }

    /// <summary>Formats the number of jobs before one that waits.</summary>
    public static string Place(long before) => before == 0 ? "it is the next" : string.Create(CultureInfo.InvariantCulture, $"{before} before it");

    /// <summary>Formats an event as a line; null for events that are not shown to users.</summary>
    public static string? Line(JobEvent update) => update.EventCase switch
    {
        JobEvent.EventOneofCase.Snapshot => Line(update.Snapshot),
        JobEvent.EventOneofCase.Accepted => "accepted",
        JobEvent.EventOneofCase.StageStarted => $"{update.StageStarted.Stage}: started by {update.StageStarted.Worker}"
            + (update.StageStarted.ResumedFrom > 0 ? $", continues from step {update.StageStarted.ResumedFrom}" : ""),
        JobEvent.EventOneofCase.StageReturned => $"{update.StageReturned.Stage}: returned, {update.StageReturned.Reason}",
        JobEvent.EventOneofCase.StageCompleted => string.Create(
            CultureInfo.InvariantCulture,
            $"{update.StageCompleted.Stage}: done, {update.StageCompleted.ServiceTime.ToTimeSpan().TotalSeconds:0.00} s"),
        JobEvent.EventOneofCase.Progress => Steps(update.Progress),
        JobEvent.EventOneofCase.Warning => $"warning: {update.Warning.Message}",
        JobEvent.EventOneofCase.Artifact => $"image {update.Artifact.Id}, seed {update.Artifact.Seed}",
        JobEvent.EventOneofCase.Done => string.Create(CultureInfo.InvariantCulture, $"done, {update.Done.TotalTime.ToTimeSpan().TotalSeconds:0.0} s"),
        JobEvent.EventOneofCase.Failed => $"failed: {update.Failed.Error.Message}",
        JobEvent.EventOneofCase.Cancelled => "cancelled",
        _ => null,
    };

    /// <summary>Returns the prompt of a job.</summary>
    public static string Prompt(Job job) =>
        job.Request.Fields.TryGetValue("prompt", out Google.Protobuf.WellKnownTypes.Value? prompt) ? prompt.StringValue : "";

    /// <summary>Returns an image's file format.</summary>
    public static ImageFormat Format(Artifact artifact) => artifact.MediaType switch
    {
        "image/png" => ImageFormat.Png,
        "image/jpeg" => ImageFormat.Jpeg,
        "image/webp" => ImageFormat.Webp,
        string other => throw new ServerException($"image {artifact.Id} is of the type {other}, which this version does not support"),
    };

    private static string Time(Job job) => $"{job.CreateTime.ToDateTime():yyyy-MM-ddTHH:mm:ssZ}";

    private static string Note(Job job) => job.Error?.Message ?? (job.Progress is { } progress ? Steps(progress) : "");

    private static string Steps(Progress progress) =>
        (progress.Pictures > 1 ? $"image {progress.Picture + 1}/{progress.Pictures}, " : "") + "step " + StepOf(progress);

    /// <summary>Returns the step of all steps, such as "3/20".</summary>
    public static string StepOf(Progress progress)
    {
        (int step, int steps) = RemoteGeneration.StepOf(progress);
        return string.Create(CultureInfo.InvariantCulture, $"{step}/{steps}");
    }
}
