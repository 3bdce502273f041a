using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Facts;
using Brownian.Requests;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Catalog;

/// <summary>Converts models and workers to messages of the public API.</summary>
public static class CatalogMessages
{
    private static readonly WorkerRole[] Roles = [WorkerRole.TextEncoder, WorkerRole.Denoiser, WorkerRole.VaeDecoder];

    /// <summary>Converts a model.</summary>
    /// <param name="card">The model.</param>
    /// <param name="workers">The workers, of which one for each role must serve the model for it to be served.</param>
    public static Model ToMessage(ModelCard card, IReadOnlyList<WorkerCard> workers)
    {
        var message = new Model
        {
            Name = card.Name,
            Title = card.Title ?? "",
            Description = card.Description ?? "",
            License = card.License ?? "",
            Family = card.Family,
            Fingerprint = card.Fingerprint,
            CheckpointSha256 = card.CheckpointSha256 ?? "",
            MaxPixels = GenerationRequest.MaxPixels,
        };
        if (card.Stages is { } stages)
        {
            message.Served = stages.All(stage => IsServed(workers, worker => worker.Models.ContainsKey(stage.Model)));
            return message;
        }
        ModelFacts facts = card.Facts;
        int scale = facts.Scale ?? 0;
        message.DefaultWidth = card.Defaults.Width ?? (facts.FixedLatentSize?.Width ?? facts.SampleSize) * scale;
        message.DefaultHeight = card.Defaults.Height ?? (facts.FixedLatentSize?.Height ?? facts.SampleSize) * scale;
        message.SizeMultiple = facts.PixelMultiple ?? 0;
        message.FixedWidth = (facts.FixedLatentSize?.Width ?? 0) * scale;
        message.FixedHeight = (facts.FixedLatentSize?.Height ?? 0) * scale;
        message.Scheduler = StructJson.ToStruct(card.Scheduler);
        message.Served = IsServed(
            workers, worker => worker.Models.TryGetValue(card.Name, out string? fingerprint) && fingerprint == card.Fingerprint);
        message.Examples.Add(card.Examples);
        return message;
    }

    /// <summary>Converts a worker.</summary>
    public static Worker ToMessage(WorkerCard card)
    {
        var message = new Worker
        {
            Id = card.Id,
            Role = card.Role,
            State = card.State.ToString().ToLowerInvariant(),
            Address = card.Address ?? "",
            Busy = card.Busy,
            Slots = card.Slots,
            Provider = card.Provider,
            Device = card.Device ?? card.Provider,
            SeenTime = Timestamp.FromDateTimeOffset(card.Seen),
        };
        message.Models.Add(card.Models.Keys.Order(StringComparer.Ordinal));
        return message;
    }

    /// <summary>Converts the platform's load.</summary>
    public static V1.Load ToMessage(LoadSnapshot load)
    {
        var message = new V1.Load { StoreFill = load.Fill };
        message.Stages.Add(
            load.Stages.GroupBy(stages => (stages.Role, stages.Model, stages.Priority))
                .OrderBy(group => Array.FindIndex(Roles, role => role.Name == group.Key.Role))
                .ThenBy(group => group.Key.Model, StringComparer.Ordinal)
                .ThenBy(group => group.Key.Priority)
                .Select(group => new StageLoad
                {
                    Role = group.Key.Role,
                    Model = group.Key.Model,
                    Priority = group.Key.Priority.ToName(),
                    Waiting = group.Where(stages => !stages.IsRunning).Sum(stages => stages.Count),
                    Running = group.Where(stages => stages.IsRunning).Sum(stages => stages.Count),
                    Work = Duration.FromTimeSpan(TimeSpan.FromSeconds(Math.Min(group.Sum(stages => stages.Seconds), 1e9))),
                }));
        return message;
    }

    /// <summary>Returns whether each role has a ready worker that serves a model.</summary>
    private static bool IsServed(IReadOnlyList<WorkerCard> workers, Func<WorkerCard, bool> serves) =>
        Roles.All(role => workers.Any(worker => worker.Role == role.Name && worker.State == WorkerState.Ready && serves(worker)));
}
