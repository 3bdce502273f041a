using System.Net;
using Brownian.Formats.Files;
using Brownian.Hosting.Certificates;
using Brownian.Jobs.Access;
using Brownian.Jobs.Queues;
using Brownian.Models.Catalog;
using Brownian.Models.Devices;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Hosting;

/// <summary>
/// The section <c>Platform</c> of the configuration: configuration files, <c>Platform__Name=value</c> in the environment, <c>--Platform:Name
/// value</c>.
/// </summary>
public sealed class PlatformOptions
{
    /// <summary>The default data folder of a single process.</summary>
    public static string DefaultDataFolder { get; } =
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "brownian");

    /// <summary>The value of <see cref="Authentication"/> with which callers need credentials.</summary>
    public const string AuthenticationRequired = "required";

    /// <summary>The value of <see cref="Authentication"/> with which callers need no credentials.</summary>
    public const string AuthenticationNone = "none";

    /// <summary>The section's name.</summary>
    public const string Section = "Platform";

    /// <summary>
    /// The broker, as <c>amqp://user:password@host:5672/</c>; with <see cref="Redis"/> it makes the process part of a cluster. Null for a single
    /// process.
    /// </summary>
    public string? RabbitMq { get; set; }

    /// <summary>The job store, as <c>host:6379,password=...</c>.</summary>
    public string? Redis { get; set; }

    /// <summary>The time limit for Redis or RabbitMQ to answer a command or to confirm a message, in seconds, 0.1..600.</summary>
    public double AnswerSeconds { get; set; } = 2;

    /// <summary>The Redis server of the embedding cache; null for <see cref="Redis"/>.</summary>
    public string? CacheRedis { get; set; }

    /// <summary>The folder for jobs and images outside a cluster; null for the user's data folder.</summary>
    public string? DataFolder { get; set; }

    /// <summary>Whether jobs and images are kept in memory only, outside a cluster.</summary>
    public bool Ephemeral { get; set; }

    /// <summary>A folder for images that all machines of a cluster share; null for Redis.</summary>
    public string? ArtifactFolder { get; set; }

    /// <summary>The models to serve, names or folders; the model that ships with the program when empty.</summary>
    public string[] Models { get; set; } = [];

    /// <summary>Folders that contain model folders, in addition to those of <c>BROWNIAN_MODELS</c> and of the program.</summary>
    public string[] ModelFolders { get; set; } = [];

    /// <summary>
    /// A folder whose models are served in addition to <see cref="Models"/>: those that it has at the start, and those that appear in it while the
    /// process runs. Null for none.
    /// </summary>
    public string? WatchedFolder { get; set; }

    /// <summary>
    /// The precision of preferred graphs, for example <c>fp16</c>: <c>model_PRECISION.onnx</c> is used instead of <c>model.onnx</c>; null for the
    /// latter.
    /// </summary>
    public string? Precision { get; set; }

    /// <summary>
    /// Folders that contain LoRAs, textual inversions and ControlNets, in addition to those of <c>BROWNIAN_ADAPTERS</c>. The gateway, the text
    /// encoders and the denoisers need the same files.
    /// </summary>
    public string[] AdapterFolders { get; set; } = [];

    /// <summary>
    /// The device that runs the graphs of workers: cpu, cuda, cuda:N, tensorrt or tensorrt:N; null for those of <see cref="Devices"/>, or the CPU.
    /// </summary>
    public string? Device { get; set; }

    /// <summary>
    /// Several devices, instead of <see cref="Device"/>. Each role has a worker for each of them, with engines of its own; a device that is listed
    /// twice has two.
    /// </summary>
    public string[] Devices { get; set; } = [];

    /// <summary>The number of threads for one operator, 1..256; null for the number of processors.</summary>
    public int? Threads { get; set; }

    /// <summary>The limit on loaded graph files of each device in MiB; null for four fifths of the memory, shared by the devices.</summary>
    public int? MemoryLimitMiB { get; set; }

    /// <summary>
    /// Whether graphs are kept on the disk as they are in memory, so that later starts are faster. That takes a model's size on the disk again.
    /// </summary>
    public bool Optimize { get; set; }

    /// <summary>The folder of such forms, which are used where they exist; null for the folder of <c>brownian generate</c>.</summary>
    public string? OptimizedFolder { get; set; }

    /// <summary>
    /// The resident memory, in MiB, above which a process of workers finishes its stages and exits with 0, so that its supervisor restarts it; 0 for
    /// no limit. Refused when a gateway is in the same process.
    /// </summary>
    public int ResidentLimitMiB { get; set; }

    /// <summary>The address to listen on.</summary>
    public string Listen { get; set; } = "127.0.0.1";

    /// <summary>The port for HTTP/1.1: JSON, gRPC-Web, health; null for the role's default, 0 for any free port.</summary>
    public int? HttpPort { get; set; }

    /// <summary>The port for gRPC (HTTP/2); null for the role's default, 0 for any free port.</summary>
    public int? GrpcPort { get; set; }

    /// <summary>The address that the operators' ports listen on.</summary>
    public string OperatorListen { get; set; } = "127.0.0.1";

    /// <summary>
    /// The operators' port for HTTP/1.1: metrics, health, and at a gateway the operators' interface by JSON; null for the role's default, 0 for any
    /// free port.
    /// </summary>
    public int? OperatorHttpPort { get; set; }

    /// <summary>
    /// A gateway's port for the operators' interface by gRPC: workers, load, KEDA's scaler; null for the default, 0 for any free port. Other roles
    /// refuse it.
    /// </summary>
    public int? OperatorGrpcPort { get; set; }

    /// <summary>
    /// The address at which other services reach this one's gRPC port, as <c>http://host:port</c>; null for the address it listens on, with the
    /// machine's name when it listens on every address.
    /// </summary>
    public string? Advertise { get; set; }

    /// <summary>The host name in this service's certificate, which gateways require; null for the host of <see cref="Advertise"/>.</summary>
    public string? AdvertiseName { get; set; }

    /// <summary>The PEM file with the certificate of this process and its chain; with it every port speaks TLS. Null for no TLS.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>The PEM file with the private key of <see cref="CertificateFile"/>.</summary>
    public string? CertificateKeyFile { get; set; }

    /// <summary>
    /// The PEM file with the CAs whose certificates this process accepts from workers, Redis, RabbitMQ and clients; null for the system's CAs,
    /// without which no client needs a certificate.
    /// </summary>
    public string? AuthorityFile { get; set; }

    /// <summary>The number of stages that a worker runs at once, 1..64.</summary>
    public int Slots { get; set; } = 1;

    /// <summary>The number of calls that wait for a stage service beyond the running ones, 0..10000.</summary>
    public int QueuedCalls { get; set; } = 16;

    /// <summary>The age in seconds from which a job's waiting stages are taken ahead of higher classes in every second take, 0..86400.</summary>
    public double MaxWaitSeconds { get; set; } = 60;

    /// <summary>The priority classes whose stages the workers take: interactive, standard, batch; all when empty.</summary>
    public string[] Priorities { get; set; } = [];

    /// <summary>
    /// Whether workers take stages until their queues are empty, after which the process exits with 0. Refused when a gateway is in the same process.
    /// </summary>
    public bool Drain { get; set; }

    /// <summary>
    /// The name of the Kubernetes pod of this process, whose annotation <c>controller.kubernetes.io/pod-deletion-cost</c> the workers keep equal to
    /// the number of stages and calls that run; null for none.
    /// </summary>
    public string? DeletionCostPod { get; set; }

    /// <summary>The number of evaluations between checkpoints, 1..1000.</summary>
    public int CheckpointEvery { get; set; } = 4;

    /// <summary>The least time between stored progress reports, in seconds, 0..60; 0 stores every evaluation.</summary>
    public double ProgressSeconds { get; set; } = 0.05;

    /// <summary>How long a lease lasts unless it is renewed, in seconds, 0.3..600.</summary>
    public double LeaseSeconds { get; set; } = 10;

    /// <summary>The interval between rounds of the reconciler, in seconds, 0.05..60.</summary>
    public double ReconcileSeconds { get; set; } = 1;

    /// <summary>The age from which a message can count as lost, in seconds, 0.1..600.</summary>
    public double GraceSeconds { get; set; } = 5;

    /// <summary>How long a draining worker may take to finish its stages, in seconds, 0..3600.</summary>
    public double DrainSeconds { get; set; } = 20;

    /// <summary>
    /// How long a worker may fail to start, or find other files under its models' names at another worker, before its process exits with an error, in
    /// seconds, 0..86400.
    /// </summary>
    public double StartSeconds { get; set; } = 120;

    /// <summary>How long an ended job and its images are kept, in hours, above 0.</summary>
    public double RetentionHours { get; set; } = 24;

    /// <summary>The largest number of jobs that have not ended, 1 and above.</summary>
    public long MaxJobs { get; set; } = 10_000;

    /// <summary>The largest number of connections of all callers, 1 and above.</summary>
    public long MaxConnections { get; set; } = 10_000;

    /// <summary>The largest number of connections of one address, except for <see cref="TrustedProxies"/>, 1 and above.</summary>
    public int MaxConnectionsPerAddress { get; set; } = 1000;

    /// <summary>
    /// The largest number of calls, streams among them, that a tenant, or an address without credentials, runs at once at one gateway, 1 and above.
    /// </summary>
    public int MaxCallsPerCaller { get; set; } = 1000;

    /// <summary>
    /// The rate in bytes per second, 1 and above, below which a caller that sends a body, or reads an answer, is disconnected after five seconds.
    /// </summary>
    public double MinBytesPerSecond { get; set; } = 240;

    /// <summary>The largest number of bytes of uploads from one address (an IPv6 address's /64), 1 and above.</summary>
    public long MaxUploadBytesPerAddress { get; set; } = 1L << 30;

    /// <summary>The largest number of uploads from one address (an IPv6 address's /64), 1 and above.</summary>
    public long MaxUploadsPerAddress { get; set; } = 1000;

    /// <summary>The largest number of bytes of uploads from all addresses, 1 and above.</summary>
    public long MaxUploadBytes { get; set; } = 8L << 30;

    /// <summary>
    /// Proxies whose <c>X-Forwarded-For</c> header is trusted for the client's address: IP addresses, or networks such as 10.0.0.0/8.
    /// </summary>
    public string[] TrustedProxies { get; set; } = [];

    /// <summary>
    /// Whether callers need credentials: <c>required</c> or <c>none</c>. When null, none are needed where every port listens on the machine itself
    /// only; any other address to listen on is refused.
    /// </summary>
    public string? Authentication { get; set; }

    /// <summary>
    /// The text of an API key of the tenant <c>default</c> with the role user, which a gateway adds to the store when it is not there; null for none.
    /// One process with a data folder that requires credentials creates a key at its first start and keeps it in this folder.
    /// </summary>
    public string? InitialKey { get; set; }

    /// <summary>The OpenID Connect issuer whose tokens are accepted, as <c>https://host/path</c>; null for none.</summary>
    public string? OidcAuthority { get; set; }

    /// <summary>The audience that its tokens must be for; required with <see cref="OidcAuthority"/>.</summary>
    public string? OidcAudience { get; set; }

    /// <summary>The claim that names the caller's tenant.</summary>
    public string OidcTenantClaim { get; set; } = "tenant";

    /// <summary>The claim that contains the caller's roles: user, operator or admin; user where it contains none of them.</summary>
    public string OidcRoleClaim { get; set; } = "roles";

    /// <summary>The quota of tenants without one of their own: <see cref="TenantQuotas.RequestsPerMinute"/>; null for no limit.</summary>
    public long? TenantRequestsPerMinute { get; set; }

    /// <summary>The quota of tenants without one of their own: <see cref="TenantQuotas.Jobs"/>; null for no limit.</summary>
    public long? TenantJobs { get; set; }

    /// <summary>The quota of tenants without one of their own: <see cref="TenantQuotas.PixelStepsPerDay"/>; null for no limit.</summary>
    public long? TenantPixelStepsPerDay { get; set; }

    /// <summary>The quota of tenants without one of their own: <see cref="TenantQuotas.StoredBytes"/>; null for no limit.</summary>
    public long? TenantStoredBytes { get; set; }

    /// <summary>
    /// The bearer token that operators' calls must contain, 16 characters and more. When null, a single process creates a token at its first start
    /// and keeps it in its data folder; other processes refuse operations.
    /// </summary>
    public string? OperatorToken { get; set; }

    /// <summary>
    /// The bearer token that gateways send to the stage services of workers, and that workers accept, 16 characters and more; null for none.
    /// Certificates (<see cref="AuthorityFile"/>) can take its place.
    /// </summary>
    public string? ServiceToken { get; set; }

    /// <summary>The bearer token with which metrics, workers and load can be read, 16 characters and more; null for none.</summary>
    public string? MetricsToken { get; set; }

    /// <summary>
    /// The networks from which the operators' ports may be called: IP addresses, or networks such as 10.0.0.0/8; any when empty.
    /// </summary>
    public string[] OperatorNetworks { get; set; } = [];

    /// <summary>
    /// The names of client certificates, of CAs of <see cref="AuthorityFile"/>, whose holders are operators at the operators' ports: common names or
    /// DNS names; none when empty.
    /// </summary>
    public string[] OperatorCertificates { get; set; } = [];

    /// <summary>
    /// The model that each name of OpenAI's API means, such as <c>gpt-image-1</c>; OpenAI's own names that are not listed mean the gateway's default
    /// model.
    /// </summary>
    public Dictionary<string, string> OpenAiModels { get; set; } = new(StringComparer.Ordinal);

    /// <summary>
    /// The hosts of a request's <c>callback_url</c>: names, <c>*.name</c> for the names below one, IP addresses, or <c>*</c> for any; none when
    /// empty.
    /// </summary>
    public string[] CallbackHosts { get; set; } = [];

    /// <summary>
    /// The secrets that sign callbacks, as in Standard Webhooks: <c>whsec_</c> and 24 to 64 bytes in base64. Each signs every callback, so that a
    /// secret can be replaced.
    /// </summary>
    public string[] CallbackSecrets { get; set; } = [];

    /// <summary>Whether callbacks may call addresses of private networks and of this machine, also without TLS.</summary>
    public bool CallbackPrivateAddresses { get; set; }

    /// <summary>How long a client's server may take to answer a callback, in seconds, 0.1..60.</summary>
    public double CallbackSeconds { get; set; } = 10;

    /// <summary>The pause after the first failed attempt of a callback, in seconds, 0.1..3600; it doubles with each attempt, up to an hour.</summary>
    public double CallbackPauseSeconds { get; set; } = 5;

    /// <summary>Origins whose web pages may call the gateway, such as https://studio.example.org, or * for all; none when empty.</summary>
    public string[] Origins { get; set; } = [];

    /// <summary>Whether callers need credentials.</summary>
    public bool RequiresAuthentication => Authentication == AuthenticationRequired;

    /// <summary>Whether this process is part of a cluster.</summary>
    public bool IsCluster => RabbitMq is not null;

    /// <summary>Reads <see cref="Devices"/> or <see cref="Device"/>, which the validator has checked.</summary>
    public IReadOnlyList<Device> ReadDevices() => [.. (Devices.Length > 0 ? Devices : [Device ?? "cpu"]).Select(Read)];

    /// <summary>Reads <see cref="Priorities"/>, which the validator has checked, from the highest class to the lowest.</summary>
    public IReadOnlyList<JobPriority> ReadPriorities() =>
        [.. JobPriorityNames.All.Where(known => Priorities.Length == 0 || Priorities.Contains(known.Key)).Select(known => known.Value)];

    private static string? OrNull(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static Device Read(string text) =>
        Brownian.Models.Devices.Device.TryParse(text, out Device device) ? device : throw new InvalidOperationException(text);

    /// <summary>Opens the models to serve.</summary>
    /// <exception cref="ModelException">A model is missing or damaged.</exception>
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

    /// <summary>Opens the cascades among <see cref="Models"/>, whose stages are served.</summary>
    /// <exception cref="ModelException">A cascade is damaged.</exception>
    /// <exception cref="FieldFaultException">A folder does not exist.</exception>
    public IReadOnlyList<Cascade> OpenCascades()
    {
        ModelCatalog catalog = ModelCatalog.Create(ModelFolders);
        return [.. Models.Select(catalog.FindCascade).OfType<Cascade>()];
    }

    /// <summary>The files of the certificates; an empty name, as of an empty variable of the environment, is none.</summary>
    public CertificateFiles ReadCertificateFiles() => new(OrNull(CertificateFile), OrNull(CertificateKeyFile), OrNull(AuthorityFile));

    /// <summary><see cref="TrustedProxies"/> as networks.</summary>
    public IReadOnlyList<IPNetwork> TrustedNetworks() => [.. TrustedProxies.Select(ReadNetwork).OfType<IPNetwork>()];

    /// <summary><see cref="OperatorNetworks"/> as networks.</summary>
    public IReadOnlyList<IPNetwork> OperatorsNetworks() => [.. OperatorNetworks.Select(ReadNetwork).OfType<IPNetwork>()];

    /// <summary>The quotas of tenants without quotas of their own.</summary>
    public TenantQuotas ReadTenantQuotas() => new(TenantRequestsPerMinute, TenantJobs, TenantPixelStepsPerDay, TenantStoredBytes);

    /// <summary>Parses an address or a network as a network; null for any other text.</summary>
    internal static IPNetwork? ReadNetwork(string text) =>
        text.Contains('/', StringComparison.Ordinal) ? IPNetwork.TryParse(text, out IPNetwork network) ? network : null
        : IPAddress.TryParse(text, out IPAddress? address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : null;

    /// <summary>Returns a setting's name in faults.</summary>
    public static string Field(string name) => $"{Section}:{name}";
}
