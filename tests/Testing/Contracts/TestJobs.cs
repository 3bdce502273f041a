using Brownian.Jobs.Records;
using Brownian.Models.Plans;

namespace Brownian.Testing.Contracts;

/// <summary>Jobs for tests, and the steps that tests make.</summary>
internal static class TestJobs
{
    public static readonly JobPolicy Policy = new() { PublishesEvents = true };

    public static StoredJob New(
        DateTimeOffset now, string model = "stub", string? key = null, DateTimeOffset? deadline = null, string hash = "") => new(
        new JobDefinition
        {
            Id = Guid.CreateVersion7(now).ToString("n"),
            Created = now,
            Model = model,
            Labels = new Dictionary<string, string> { ["model"] = model },
            IdempotencyKey = key,
            Deadline = deadline,
            RequestHash = hash,
            Plan = new Plan
            {
                Stages =
                [
                    new PlanStage { Name = "text", Kind = StageKind.TextEncode, Model = model },
                    new PlanStage
                    {
                        Name = "denoise", Kind = StageKind.Denoise, Model = model,
                        Inputs = new Dictionary<string, string> { ["embeddings"] = "text.embeddings" }
                    },
                    new PlanStage
                    {
                        Name = "write", Kind = StageKind.Write, Inputs = new Dictionary<string, string> { ["pixels"] = "denoise.latents" }
                    },
                ],
            },
        },
        JobRules.Submit(now),
        1);

    /// <summary>Stores a new job.</summary>
    public static async Task<StoredJob> CreatedAsync(this IJobStore store, StoredJob job)
    {
        Assert.Null(await store.CreateAsync(job, TestContext.Current.CancellationToken));
        return job;
    }

    /// <summary>Makes a step that must be allowed.</summary>
    public static async Task<StoredJob> WrittenAsync(this IJobStore store, StoredJob job, JobChange? change) =>
        (await store.TryWriteAsync(job, change!, TestContext.Current.CancellationToken))!;
}
