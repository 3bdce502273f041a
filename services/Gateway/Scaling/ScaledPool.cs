using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;

namespace Brownian.Gateway.Scaling;

/// <summary>A pool of workers that KEDA scales: the stages that it serves, and the target, from the metadata of a trigger.</summary>
public sealed record ScaledPool
{
    /// <summary>The default of <see cref="TargetSeconds"/>.</summary>
    public const double DefaultTargetSeconds = 60;

    /// <summary>The largest number of characters of all metadata. Every fault repeats what is allowed, and each pool's history has a key.</summary>
    private const int MaxLength = 8000;

    private const double DefaultLoadSeconds = 30;

    /// <summary>KEDA's default.</summary>
    private const double DefaultCooldownSeconds = 300;

    /// <summary>Settings of the connection and of its credentials, which KEDA passes on.</summary>
    private static readonly string[] Connection =
        ["scalerAddress", "caCert", "tlsCertFile", "tlsClientCert", "tlsClientKey", "unsafeSsl", "enableTLS", ExternalScalerService.TokenKey];

    /// <summary>The names of all settings.</summary>
    public static IReadOnlyList<string> Settings { get; } =
        ["role", "models", "priorities", "provider", "slots", "targetSeconds", "loadSeconds", "cooldownSeconds", "share", "drains"];

    /// <summary>The role of the workers.</summary>
    public required WorkerRole Role { get; init; }

    /// <summary>The models that they serve; empty for all.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>The classes whose stages they take; empty for all.</summary>
    public IReadOnlyList<JobPriority> Priorities { get; init; } = [];

    /// <summary>The kind of their devices.</summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>The stages that a replica runs at once: its slots times its devices.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>The seconds of work per replica, which is also about the longest time that a stage waits once replicas are ready.</summary>
    public double TargetSeconds { get; init; } = DefaultTargetSeconds;

    /// <summary>The seconds that a replica takes to load its models, for as long as no worker of the pool has measured it.</summary>
    public double LoadSeconds { get; init; } = DefaultLoadSeconds;

    /// <summary>The trigger's cooldown period: KEDA keeps the last replica so long after the pool's last activity.</summary>
    public double CooldownSeconds { get; init; } = DefaultCooldownSeconds;

    /// <summary>The share of the work that is this pool's, for pools that serve the same stages; above 0 and at most 1.</summary>
    public double Share { get; init; } = 1;

    /// <summary>Whether the workers exit when their queues are empty (ScaledJob), so that none is kept for later work.</summary>
    public bool Drains { get; init; }

    /// <summary>Reads a pool from the metadata of a trigger.</summary>
    /// <exception cref="FieldFaultException">Contains every fault.</exception>
    public static ScaledPool Read(IReadOnlyDictionary<string, string> metadata)
    {
        if (metadata.Sum(setting => setting.Key.Length + setting.Value.Length) is var length && length > MaxLength)
        {
            throw new FieldFaultException(
                new FieldFault("metadata", string.Create(CultureInfo.InvariantCulture, $"has {length} characters; allowed: at most {MaxLength}")));
        }
        var faults = new List<FieldFault>();
        foreach (string key in metadata.Keys.Except(Settings).Except(Connection).Order(StringComparer.Ordinal))
        {
            faults.Add(FieldFault.Of($"metadata.{key}", metadata[key], "no such setting; the settings are " + string.Join(", ", Settings)));
        }
        WorkerRole? role = WorkerRole.All.FirstOrDefault(known => known.Name == Text("role"));
        if (role is null)
        {
            faults.Add(FieldFault.Of("metadata.role", Text("role"), string.Join(", ", WorkerRole.All.Select(known => known.Name))));
        }
        faults.AddRange(
            List("priorities").Where(name => !JobPriorityNames.All.ContainsKey(name))
                .Select(name => FieldFault.Of("metadata.priorities", name, JobPriorityNames.Allowed)));
        var pool = new ScaledPool
        {
            Role = role ?? WorkerRole.Denoiser,
            Models = List("models"),
            Priorities = [.. List("priorities").Where(JobPriorityNames.All.ContainsKey).Select(name => JobPriorityNames.All[name])],
            Provider = OneOf("provider", "cpu", "cpu", "cuda", "tensorrt"),
            Slots = (int)Number("slots", 1, 1, 4096, isWhole: true),
            TargetSeconds = Number("targetSeconds", DefaultTargetSeconds, 1, 86_400),
            LoadSeconds = Number("loadSeconds", DefaultLoadSeconds, 0, 3600),
            CooldownSeconds = Number("cooldownSeconds", DefaultCooldownSeconds, 0, 86_400),
            Share = Number("share", 1, 0.001, 1),
            Drains = OneOf("drains", "false", "false", "true") == "true",
        };
        return faults.Count > 0 ? throw new FieldFaultException(faults) : pool;

        string Text(string key) => metadata.TryGetValue(key, out string? value) ? value.Trim() : "";

        string[] List(string key) => Text(key).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

        string OneOf(string key, string whenMissing, params string[] allowed)
        {
            string value = Text(key) is { Length: > 0 } given ? given : whenMissing;
            if (!allowed.Contains(value))
            {
                faults.Add(FieldFault.Of($"metadata.{key}", value, string.Join(", ", allowed)));
            }
            return value;
        }

        double Number(string key, double whenMissing, double least, double most, bool isWhole = false)
        {
            if (Text(key) is not { Length: > 0 } given)
            {
                return whenMissing;
            }
            if (double.TryParse(given, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most
                && (!isWhole || double.IsInteger(value)))
            {
                return value;
            }
            faults.Add(FieldFault.Of(
                $"metadata.{key}", given, string.Create(CultureInfo.InvariantCulture, $"{(isWhole ? "a whole number " : "")}{least}..{most}")));
            return whenMissing;
        }
    }

    /// <summary>Whether the pool's workers take stages of this kind, model and class.</summary>
    public bool Serves(PendingWork work) => Role.Kinds.Contains(work.Shape.Kind)
        && (Models.Count == 0 || work.Shape.Model.Length == 0 || Models.Contains(work.Shape.Model))
        && (Priorities.Count == 0 || Priorities.Contains(work.Priority));

    /// <summary>
    /// Whether a worker belongs to the pool, or to one with the same role, models and kind of devices. Models of a watched folder tell no pool.
    /// </summary>
    public bool Has(WorkerCard worker) => worker.Role == Role.Name && worker.Provider == Provider
        && (Models.Count == 0 || Models.ToHashSet(StringComparer.Ordinal).SetEquals(worker.Models.Keys.Except(worker.WatchedModels)));
}
