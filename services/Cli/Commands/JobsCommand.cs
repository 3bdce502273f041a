using System.CommandLine;
using Brownian.Cli.Output;
using Brownian.Cli.Remote;
using Brownian.Cli.Requests;
using Brownian.Client;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Models.Families;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian jobs</c>: the jobs of a server.</summary>
internal static class JobsCommand
{
    private const int MaxPageSize = 1000;

    public static Command Create() => new("jobs", "Shows and controls the jobs of a server: list, get, watch, cancel, retry")
    {
        CreateList(),
        CreateGet(),
        CreateWatch(),
        One(
            "cancel", "Cancels a job; a job that has ended does not change", async (client, id, token) =>
                (await client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: token)).Job),
        One(
            "retry", "Submits a failed or cancelled job again, with the same seeds, as a new job", async (client, id, token) =>
                await client.Generation.RetryAsync(new RetryJobRequest { Id = id }, cancellationToken: token)),
    };

    private static Command CreateList()
    {
        var server = new ServerOption(required: true);
        var states = new Option<string[]>("--state")
        {
            Description = "Only jobs in this state; can be repeated",
            HelpName = "STATE",
            DefaultValueFactory = _ => []
        };
        var model = new Option<string?>("--model", "-m") { Description = "Only jobs of this model", HelpName = "NAME" };
        var labels = new Option<string[]>("--label")
        {
            Description = "Only jobs with this label; can be repeated",
            HelpName = "KEY=VALUE",
            DefaultValueFactory = _ => []
        };
        var limit = new Option<string?>("--limit") { Description = "The maximum number of jobs, 1..1000000; 100 when not given", HelpName = "N" };
        Option<bool> json = JsonOption();
        var command = new Command("list", "Lists jobs, the newest first") { states, model, labels, limit, json };
        server.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var faults = new List<FieldFault>();
            var request = new ListJobsRequest { Model = parsed.GetValue(model) ?? "" };
            request.States.Add((parsed.GetValue(states) ?? []).Select(state => State(state, faults)));
            foreach (string label in parsed.GetValue(labels) ?? [])
            {
                int equals = label.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0)
                {
                    request.Labels[label[..equals]] = label[(equals + 1)..];
                }
                else
                {
                    faults.Add(FieldFault.Of("--label", label, "KEY=VALUE"));
                }
            }
            int most = OptionText.Integer(parsed.GetValue(limit), "--limit", 1, 1_000_000, faults) ?? 100;
            return faults.Count > 0 ? throw new FieldFaultException(faults)
                : server.CallAsync(parsed, client => ListAsync(client, request, most, parsed.GetValue(json), cancellationToken), cancellationToken);
        });
        return command;
    }

    private static async Task<int> ListAsync(BrownianClient client, ListJobsRequest request, int most, bool json, CancellationToken cancellationToken)
    {
        var jobs = new ListJobsResponse();
        while (jobs.Jobs.Count < most)
        {
            request.PageSize = Math.Min(most - jobs.Jobs.Count, MaxPageSize);
            ListJobsResponse page = await client.Generation.ListAsync(request, cancellationToken: cancellationToken);
            jobs.Jobs.Add(page.Jobs);
            jobs.NextPageToken = request.PageToken = page.NextPageToken;
            if (page.NextPageToken.Length == 0)
            {
                break;
            }
        }
        if (json)
        {
            Console.Out.WriteLine(JobText.Json(jobs));
            return ExitCode.Success;
        }
        if (jobs.Jobs.Count == 0)
        {
            Console.Error.WriteLine("no jobs");
            return ExitCode.Success;
        }
        foreach (string line in JobText.Table(jobs.Jobs))
        {
            Console.Out.WriteLine(line);
        }
        return ExitCode.Success;
    }

    private static Command CreateGet()
    {
        var server = new ServerOption(required: true);
        Argument<string> id = Id();
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Write its images to a file, a folder (ending in /, or one that exists), or - for standard output",
            HelpName = "FILE|FOLDER|-"
        };
        Option<bool> json = JsonOption();
        var command = new Command("get", "Shows a job; with -o fetches its images") { id, output, json };
        server.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var files = new ImageFiles(parsed.GetValue(output));
            bool fetches = parsed.GetValue(output) is not null;
            if (parsed.GetValue(json) && files.IsStandardOutput)
            {
                throw new FieldFaultException(new FieldFault("--json", "cannot be given with -o -: both would write to standard output"));
            }
            return server.CallAsync(
                parsed,
                async client =>
                {
                    Job job = await client.Generation.GetAsync(new GetJobRequest { Id = parsed.GetValue(id)! }, cancellationToken: cancellationToken);
                    return !fetches ? Show(job, parsed.GetValue(json))
                        : job is { State: JobState.Done, Artifacts: [{ MediaType: PartialResult.MediaType } kept] }
                        ? await FetchAsync(client, kept, parsed.GetValue(output)!, cancellationToken)
                        : await FetchAsync(client, job, files, parsed.GetValue(json), cancellationToken);
                },
                cancellationToken);
        });
        return command;
    }

    private static int Show(Job job, bool json)
    {
        foreach (string line in json ? [JobText.Json(job)] : JobText.Lines(job))
        {
            Console.Out.WriteLine(line);
        }
        return ExitCode.Success;
    }

    /// <summary>Downloads the partial result of a job that was stopped after a stage. It is one file, and not an image.</summary>
    private static async Task<int> FetchAsync(BrownianClient client, Artifact kept, string output, CancellationToken cancellationToken)
    {
        if (Path.GetExtension(output) != ".safetensors")
        {
            throw new FieldFaultException("--output", output, "a file that ends in .safetensors: the job was stopped after a stage");
        }
        byte[] bytes = await client.GetArtifactAsync(kept.Id, cancellationToken);
        try
        {
            await File.WriteAllBytesAsync(output, bytes, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("--output", $"{output} cannot be written: {FileReason.Of(exception, output)}"));
        }
        return ExitCode.Success;
    }

    private static async Task<int> FetchAsync(BrownianClient client, Job job, ImageFiles files, bool json, CancellationToken cancellationToken)
    {
        if (job.State != JobState.Done)
        {
            throw new ServerException(
                $"job {job.Id} is {JobText.NameOf(job.State)} and has no images{(job.Error is { } error ? ": " + error.Message : "")}");
        }
        if (files.IsStandardOutput && job.Artifacts.Count > 1)
        {
            throw new FieldFaultException(new FieldFault("--output", $"- takes one image; the job has {job.Artifacts.Count}"));
        }
        if (files.NamedFormat is { } named && job.Artifacts.FirstOrDefault(artifact => JobText.Format(artifact) != named) is { } other)
        {
            throw new FieldFaultException(
                new FieldFault("--output", $"is a name for {NameOf(named)}, but the images are {NameOf(JobText.Format(other))}"));
        }
        files.Prepare();
        var report = new GenerationReport(files, json, quiet: false);
        var images = new RemoteGeneration(client, files, report);
        foreach (Artifact artifact in job.Artifacts.OrderBy(artifact => artifact.Index))
        {
            await images.FetchAsync(artifact, job.Artifacts.Count, JobText.Prompt(job), cancellationToken);
        }
        report.Finish(job.Model);
        return ExitCode.Success;

        static string NameOf(ImageFormat format) => format.ToString().ToLowerInvariant();
    }

    private static Command CreateWatch()
    {
        var server = new ServerOption(required: true);
        Argument<string> id = Id();
        Option<bool> json = JsonOption();
        var command = new Command(
            "watch", "Shows the past and new events of a job until it ends; stopping this command does not stop the job") { id, json };
        server.AddTo(command);
        command.SetAction((parsed, cancellationToken) => server.CallAsync(
            parsed, client => WatchAsync(client, parsed.GetValue(id)!, parsed.GetValue(json), cancellationToken), cancellationToken));
        return command;
    }

    private static async Task<int> WatchAsync(BrownianClient client, string id, bool json, CancellationToken cancellationToken)
    {
        int exitCode = ExitCode.Success;
        using AsyncServerStreamingCall<JobEvent> call =
            client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: cancellationToken);
        await foreach (JobEvent update in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            if ((json ? JobText.Json(update) : JobText.Line(update)) is { } line)
            {
                Console.Out.WriteLine(line);
            }
            if (update.EventCase is JobEvent.EventOneofCase.Failed or JobEvent.EventOneofCase.Cancelled)
            {
                exitCode = ExitCode.Failure;
            }
        }
        return exitCode;
    }

    private static Command One(string name, string description, Func<BrownianClient, string, CancellationToken, Task<Job>> call)
    {
        var server = new ServerOption(required: true);
        Argument<string> id = Id();
        Option<bool> json = JsonOption();
        var command = new Command(name, description) { id, json };
        server.AddTo(command);
        command.SetAction((parsed, cancellationToken) => server.CallAsync(
            parsed,
            async client =>
            {
                Job job = await call(client, parsed.GetValue(id)!, cancellationToken);
                Console.Out.WriteLine(parsed.GetValue(json) ? JobText.Json(job) : JobText.Line(job));
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static JobState State(string word, List<FieldFault> faults)
    {
        JobState[] shown = [JobState.Queued, JobState.Running, JobState.Done, JobState.Failed, JobState.Cancelled];
        JobState state = shown.FirstOrDefault(candidate => JobText.NameOf(candidate) == word);
        if (state == JobState.Unspecified)
        {
            faults.Add(FieldFault.Of("--state", word, string.Join(", ", shown.Select(JobText.NameOf))));
        }
        return state;
    }

    private static Argument<string> Id() => new("ID") { Description = "A job's id" };

    private static Option<bool> JsonOption() => new("--json") { Description = "Write to standard output as JSON" };
}
