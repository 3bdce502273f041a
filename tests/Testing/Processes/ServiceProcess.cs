using System.Net;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Brownian.Testing.Nodes;
using Brownian.Testing.Servers;

namespace Brownian.Testing.Processes;

/// <summary>A service as a process of its own, built with fault points, or the program as a repository has built it.</summary>
/// <param name="role">gateway, text-encoder, denoiser, vae-decoder, or everything.</param>
/// <param name="settings">Its settings.</param>
internal sealed partial class ServiceProcess(string role, IReadOnlyList<string> settings) : PrivateServer
{
    private static readonly HttpClient Http = new();

    private readonly int _grpcPort = FreePort.Find();
    private readonly int _operatorHttpPort = FreePort.Find();
    private readonly int _operatorGrpcPort = FreePort.Find();
    private readonly List<string> _expectedErrors = [];

    /// <summary>Its role.</summary>
    public string Role => role;

    /// <summary>The fault point at which it is killed, from its next start on: <c>place:n</c>.</summary>
    public string? Fault { get; set; }

    /// <summary>Its gRPC address.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_grpcPort}");

    /// <summary>The operators' gRPC address of a gateway.</summary>
    public string OperatorAddress => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_operatorGrpcPort}");

    /// <summary>The operators' HTTP address.</summary>
    public string OperatorHttp => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_operatorHttpPort}");

    /// <summary>The repository whose built program is run, from its next start on; null for the one with fault points.</summary>
    public string? Repository { get; set; }

    protected override string Program => Repository is { } repository
        ? Path.Combine(repository, "artifacts", "bin", Project, "release", "Brownian." + Project)
        : Faulty;

    protected override string Package => "none: it is built with the tests";

    protected override IReadOnlyList<string> Arguments =>
    [
        .. Repository is null ? (string[])[role] : [],
        string.Create(CultureInfo.InvariantCulture, $"--Platform:HttpPort={Port}"),
        string.Create(CultureInfo.InvariantCulture, $"--Platform:GrpcPort={_grpcPort}"),
        .. HasOperatorPorts ? OperatorPorts : [],
        .. settings.Select(setting => "--Platform:" + setting),
    ];

    /// <summary>Whether the program has the operators' ports, which versions up to 0.3 do not.</summary>
    private bool HasOperatorPorts =>
        Repository is not { } repository || File.Exists(Path.Combine(repository, "services", "Shared", "Hosting", "ListeningPort.cs"));

    private IEnumerable<string> OperatorPorts =>
    [
        string.Create(CultureInfo.InvariantCulture, $"--Platform:OperatorHttpPort={_operatorHttpPort}"),
        .. role is "gateway" or "everything"
            ? (string[])[string.Create(CultureInfo.InvariantCulture, $"--Platform:OperatorGrpcPort={_operatorGrpcPort}")]
            : [],
    ];

    protected override IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        // shared/Microsoft.NETCore.App/version/ below it.
        ["DOTNET_ROOT"] = new DirectoryInfo(RuntimeEnvironment.GetRuntimeDirectory()).Parent!.Parent!.Parent!.FullName,
        ["DOTNET_TieredPGO"] = "0",
        ["BROWNIAN_FAULT"] = Fault ?? "",
    };

    private static string Faulty { get; } = Find();

    /// <summary>The project of its role.</summary>
    private string Project => role switch
    {
        "gateway" => "Gateway",
        "text-encoder" => "TextEncoder",
        "denoiser" => "Denoiser",
        _ => "VaeDecoder",
    };

    public static Task<ServiceProcess> StartAsync(
        string role, IReadOnlyList<string> settings, string? fault = null, string? repository = null) =>
        StartAsync(() => new ServiceProcess(role, settings) { Fault = fault, Repository = repository }, TestContext.Current.CancellationToken);

    /// <summary>Expects that the process logs errors that contain a text. Any other error fails the test.</summary>
    public void ExpectErrors(string part) => _expectedErrors.Add(part);

    protected override void CheckLog(string log) => FailOnServerErrorsAttribute.Report(
        [.. ErrorLine().Matches(log).Select(match => match.Value).Where(error => !_expectedErrors.Any(error.Contains))]);

    [GeneratedRegex(@"^\S+ (fail|crit): .*$", RegexOptions.Multiline)]
    private static partial Regex ErrorLine();

    protected override async Task AskAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer =
            await Http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}/health/ready"), cancellationToken);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException(await answer.Content.ReadAsStringAsync(cancellationToken));
        }
    }

    private static string Find()
    {
        // artifacts/bin/<project>/<configuration>/
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        return Path.Combine(own.Parent!.Parent!.FullName, "FaultyServices", own.Name, "Brownian.FaultyServices");
    }
}
