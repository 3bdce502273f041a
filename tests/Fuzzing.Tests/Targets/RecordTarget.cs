using System.Text.Json;
using Brownian.Adapters;
using Brownian.Contracts;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Events;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Records that Redis and SQLite hold: jobs, images, workers' cards; and the events that are made of them.</summary>
internal sealed class RecordTarget : FuzzTarget
{
    private static readonly Type[] Kinds =
        [typeof(JobDefinition), typeof(JobRecord), typeof(JobArtifact), typeof(WorkerCard), typeof(ModelCard), typeof(ModelSignature),
            typeof(JobEnded), typeof(JobAccepted)];

    private static readonly JobDefinition Definition = (JobDefinition)FilledContracts.Of(typeof(JobDefinition));
    private static readonly JobRecord Record = (JobRecord)FilledContracts.Of(typeof(JobRecord));

    public override int CasesPerSecond => 5000;

    public override IReadOnlyList<string> Tokens =>
        ["queued", "running", "done", "phase", "stage", "plan", "stages", "settings", "inputs", "outputs", "lease_expires",
            "2026-01-01T00:00:00+00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"];

    public override IEnumerable<FuzzInput> Seeds() =>
        from type in Kinds
        from choice in Enumerable.Range(0, 4)
        select new FuzzInput(type.Name, Write(type, FilledContracts.Of(type, choice)));

    // Filled with values of the right types, which need not fit each other.
    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Json;

    public override void Run(FuzzInput input)
    {
        switch (input.Kind)
        {
            case nameof(JobDefinition):
                Show(new StoredJob(JobJson.Read<JobDefinition>(input.Bytes), Record, 1));
                break;
            case nameof(JobRecord):
                Show(new StoredJob(Definition, JobJson.Read<JobRecord>(input.Bytes), 1));
                break;
            case nameof(JobArtifact):
                JobMessages.ToMessage(JobJson.Read<JobArtifact>(input.Bytes));
                break;
            case nameof(WorkerCard):
                JobJson.Write(JobJson.Read<WorkerCard>(input.Bytes));
                break;
            case nameof(ModelCard):
                JobJson.Write(JobJson.Read<ModelCard>(input.Bytes));
                break;
            case nameof(ModelSignature):
                JobJson.Write(JobJson.Read<ModelSignature>(input.Bytes));
                break;
            case nameof(JobEnded):
                JobJson.Read<JobEnded>(input.Bytes);
                break;
            default:
                JobJson.Read<JobAccepted>(input.Bytes);
                break;
        }
    }

    public override bool IsDocumented(Exception exception) => exception is JsonException or InvalidDataException;

    private static byte[] Write(Type type, object value) =>
        (byte[])typeof(JobJson).GetMethod(nameof(JobJson.Write))!.MakeGenericMethod(type).Invoke(null, [value])!;

    private static void Show(StoredJob job)
    {
        JobMessages.ToMessage(job);
        StageWork.Of(job.Definition.Plan);
        JobJson.Write(job.Definition);
        EventMessages.ToAccepted(job);
    }
}
