using Brownian.Cli.Output;
using Brownian.V1;

namespace Brownian.Cli.Remote;

/// <summary>Formats the load of a server, its workers and its jobs as tables of text.</summary>
internal static class LoadView
{
    /// <summary>Returns the lines.</summary>
    /// <param name="load">The stages that wait or run.</param>
    /// <param name="workers">The workers.</param>
    /// <param name="jobs">The newest jobs that have not ended.</param>
    public static IReadOnlyList<string> Lines(Load load, IEnumerable<Worker> workers, ListJobsResponse jobs)
    {
        double seconds = load.Stages.Sum(stages => stages.Work.ToTimeSpan().TotalSeconds);
        string store = load.StoreFill > 0 ? $", job store {Number(100 * load.StoreFill, "0")} % full" : "";
        return
        [
            $"{load.Stages.Sum(stages => stages.Waiting)} stages wait, {load.Stages.Sum(stages => stages.Running)} run, "
                + $"{Number(seconds, "0.0")} s of work{store}",
            "",
            .. Table(
                ["ROLE", "MODEL", "CLASS", "WAIT", "RUN", "WORK"],
                load.Stages.Where(stages => stages.Waiting + stages.Running > 0).Select(stages => (string[])
                [
                    stages.Role, stages.Model.Length > 0 ? stages.Model : "-", stages.Priority, Number(stages.Waiting, "0"),
                    Number(stages.Running, "0"), Number(stages.Work.ToTimeSpan().TotalSeconds, "0.0") + " s",
                ]),
                "no stage waits or runs"),
            "",
            .. Table(
                ["WORKER", "STATE", "BUSY", "DEVICE", "MODELS"],
                workers.Select(worker => (string[])
                    [worker.Id, worker.State, $"{worker.Busy}/{worker.Slots}", worker.Device, string.Join(',', worker.Models)]),
                "no worker"),
            "",
            .. Table(
                ["JOB", "STATE", "MODEL", "CLASS", "PROGRESS", "WORK LEFT"],
                jobs.Jobs.Select(job => (string[])
                [
                    job.Id, JobText.NameOf(job.State), job.Model, job.Priority,
                    job.Progress is { } progress ? $"{progress.Stage} {JobText.StepOf(progress)}" : "-",
                    job.EstimatedWork is { } left ? Number(left.ToTimeSpan().TotalSeconds, "0.0") + " s" : "-",
                ]),
                "no job waits or runs"),
            .. jobs.NextPageToken.Length > 0 ? (string[])["and older ones"] : [],
        ];
    }

    /// <summary>Returns the lines of a table, or one line when it has no rows.</summary>
    private static IEnumerable<string> Table(string[] header, IEnumerable<string[]> rows, string none)
    {
        string[][] all = [header, .. rows];
        return all.Length == 1 ? [none] : TextTable.Lines(all);
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
