using System.Net;
using Brownian.Formats.Files;
using Brownian.Models.Catalog;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Hosting;

/// <summary>
/// The section <c>Platform</c> of the configuration: files, <c>Platform__Name=value</c> in the environment, <c>--Platform:Name value</c>.
/// </summary>
public sealed class PlatformOptions
{
    /// <summary>The folder that one process keeps its data in where none is named.</summary>
    public static string DefaultDataFolder { get; } =
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "brownian");

    /// <summary>The section's name.</summary>
    public const string Section = "Platform";

    /// <summary>
    /// The broker, as <c>amqp://user:password@host:5672/</c>; with <see cref="Redis"/> it makes the process part of a cluster. Null for everything in
    /// one process.
    /// </summary>
    public string? RabbitMq { get; set; }

    /// <summary>The job store, as <c>host:6379,password=...</c>.</summary>
    public string? Redis { get; set; }

    /// <summary>Seconds that Redis or RabbitMQ may take to answer a command or to confirm a message, 0.1..600.</summary>
    public double AnswerSeconds { get; set; } = 2;

    /// <summary>Where the embedding cache is; null for <see cref="Redis"/>.</summary>
    public string? CacheRedis { get; set; }

    /// <summary>Where jobs and images are kept when there is no cluster; null for the user's own data folder.</summary>
    public string? DataFolder { get; set; }

    /// <summary>Whether jobs and images are kept in memory alone when there is no cluster.</summary>
    public bool Ephemeral { get; set; }

    /// <summary>A folder for images that all machines of a cluster share; null for Redis.</summary>
    public string? ArtifactFolder { get; set; }

    /// <summary>The models to serve, names or folders; the one that ships where none is named.</summary>
    public string[] Models { get; set; } = [];

    /// <summary>Folders that hold model folders, beside those of <c>BROWNIAN_MODELS</c> and of the program.</summary>
    public string[] ModelFolders { get; set; } = [];

    /// <summary>Graphs called <c>model_PRECISION.onnx</c> are taken before <c>model.onnx</c>, for example <c>fp16</c>; null for the latter.</summary>
    public string? Precision { get; set; }

    /// <summary>
    /// Folders that hold LoRAs, textual inversions and ControlNets, beside those of <c>BROWNIAN_ADAPTERS</c>: the same files for the gateway, the
    /// text encoders
    /// and the denoisers.
    /// </summary>
    public string[] AdapterFolders { get; set; } = [];

    /// <summary>cpu or cuda.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>Threads that work on one operator, 1..256; null for the processors' number.</summary>
    public int? Threads { get; set; }

    /// <summary>MiB of graph files to keep loaded; null for four fifths of the memory.</summary>
    public int? MemoryLimitMiB { get; set; }

    /// <summary>
    /// MiB of resident memory above which a process of workers finishes its stages and ends with 0, so that what supervises it starts it anew;
    /// 0 for no limit. Refused where a gateway is in the same process.
    /// </summary>
    public int ResidentLimitMiB { get; set; }

    /// <summary>The address to listen on.</summary>
    public string Listen { get; set; } = "127.0.0.1";

    /// <summary>The port for HTTP/1.1: JSON, gRPC-Web, health, metrics; null for the role's own, 0 for any.</summary>
    public int? HttpPort { get; set; }

    /// <summary>The port for gRPC (HTTP/2 without TLS); null for the role's own, 0 for any.</summary>
    public int? GrpcPort { get; set; }

    /// <summary>
    /// How other services reach this one's gRPC port, as <c>http://host:port</c>; null for the address it listens on, with the machine's name where
    /// that is every address.
    /// </summary>
    public string? Advertise { get; set; }

    /// <summary>Stages that a worker works on at once, 1..64.</summary>
    public int Slots { get; set; } = 1;

    /// <summary>Calls that wait for a stage service beyond those it works on, 0..10000.</summary>
    public int QueuedCalls { get; set; } = 16;

    /// <summary>
    /// Seconds after its submission from which a job's waiting stages are taken before every second one of higher classes, 0..86400.
    /// </summary>
    public double MaxWaitSeconds { get; set; } = 60;

    /// <summary>Evaluations between checkpoints, 1..1000.</summary>
    public int CheckpointEvery { get; set; } = 4;

    /// <summary>Seconds between progress that is written down, 0..60: every evaluation at 0.</summary>
    public double ProgressSeconds { get; set; } = 0.05;

    /// <summary>Seconds that a lease lasts without being renewed, 0.3..600.</summary>
    public double LeaseSeconds { get; set; } = 10;

    /// <summary>Seconds between looks of the reconciler, 0.05..60.</summary>
    public double ReconcileSeconds { get; set; } = 1;

    /// <summary>Seconds after which a message is missed, 0.1..600.</summary>
    public double GraceSeconds { get; set; } = 5;

    /// <summary>Seconds that a draining worker may finish what it has, 0..3600.</summary>
    public double DrainSeconds { get; set; } = 20;

    /// <summary>
    /// Seconds that a worker may fail to start, or be contradicted by another one's files, before its process ends with an error, 0..86400.
    /// </summary>
    public double StartSeconds { get; set; } = 120;

    /// <summary>Hours that an ended job and its images are kept, above 0.</summary>
    public double RetentionHours { get; set; } = 24;

    /// <summary>The most jobs that have not ended, 1 and above.</summary>
    public long MaxJobs { get; set; } = 10_000;

    /// <summary>The most bytes of uploads from one address (an IPv6 address's /64), 1 and above.</summary>
    public long MaxUploadBytesPerAddress { get; set; } = 1L << 30;

    /// <summary>The most uploads from one address (an IPv6 address's /64), 1 and above.</summary>
    public long MaxUploadsPerAddress { get; set; } = 1000;

    /// <summary>The most bytes of uploads from all addresses, 1 and above.</summary>
    public long MaxUploadBytes { get; set; } = 8L << 30;

    /// <summary>Proxies whose <c>X-Forwarded-For</c> says where a call comes from: IP addresses, or networks as 10.0.0.0/8.</summary>
    public string[] TrustedProxies { get; set; } = [];

    /// <summary>
    /// What callers of the operators' interface present as a bearer token, 16 characters and more. Null: one process makes a token at its first
    /// start and keeps it in its data folder; elsewhere operating is refused.
    /// </summary>
    public string? OperatorToken { get; set; }

    /// <summary>Where the operators' interface may be called from: IP addresses, or networks as 10.0.0.0/8; the machine itself where empty.</summary>
    public string[] OperatorNetworks { get; set; } = [];

    /// <summary>Origins whose web pages may call: as https://studio.example.org, or * for all; none where empty.</summary>
    public string[] Origins { get; set; } = [];

    /// <summary>Whether this process is part of a cluster.</summary>
    public bool IsCluster => RabbitMq is not null;

    /// <summary>The models that are served.</summary>
    /// <exception cref="ModelException">One is missing or damaged.</exception>
    /// <exception cref="FieldFaultException">A folder does not exist.</exception>
    public IReadOnlyList<ModelFolder> OpenModels()
    {
        ModelCatalog catalog = ModelCatalog.Create(ModelFolders);
        string[] named = Models.Length == 0 ? [ModelCatalog.DefaultModel] : Models;
        return
        [
            .. named.SelectMany(
                model =>
                    catalog.FindCascade(model) is { } cascade
                        ? cascade.Folders.Select(folder => ModelFolder.Open(folder, Precision))
                        : [catalog.Open(model, Precision)])
                .DistinctBy(model => model.FolderPath),
        ];
    }

    /// <summary>The cascades among <see cref="Models"/>, whose stages are served.</summary>
    /// <exception cref="ModelException">One is damaged.</exception>
    /// <exception cref="FieldFaultException">A folder does not exist.</exception>
    public IReadOnlyList<Cascade> OpenCascades()
    {
        ModelCatalog catalog = ModelCatalog.Create(ModelFolders);
        return [.. Models.Select(catalog.FindCascade).OfType<Cascade>()];
    }

    /// <summary><see cref="TrustedProxies"/> as networks.</summary>
    public IReadOnlyList<IPNetwork> TrustedNetworks() => [.. TrustedProxies.Select(ReadNetwork).OfType<IPNetwork>()];

    /// <summary><see cref="OperatorNetworks"/> as networks.</summary>
    public IReadOnlyList<IPNetwork> OperatorsNetworks() => OperatorNetworks.Length == 0
        ? [IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")]
        : [.. OperatorNetworks.Select(ReadNetwork).OfType<IPNetwork>()];

    /// <summary>An address, or a network, as a network; null for any other text.</summary>
    internal static IPNetwork? ReadNetwork(string text) =>
        text.Contains('/', StringComparison.Ordinal) ? IPNetwork.TryParse(text, out IPNetwork network) ? network : null
        : IPAddress.TryParse(text, out IPAddress? address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;

    /// <summary>What a fault calls a setting.</summary>
    public static string Field(string name) => $"{Section}:{name}";
}
