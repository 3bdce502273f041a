using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Brownian.Hosting;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Upgrade.Saver;

/// <summary>One of the earlier version's programs, which can be ended at the moment that is to be saved.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private const string OperatorToken = "the-operators-of-the-saved-version";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private static readonly HttpClient Http = new();

    private readonly Process _process;
    private readonly GrpcChannel _channel;

    private RunningProgram(Process process, int httpPort, int grpcPort)
    {
        _process = process;
        HttpAddress = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{httpPort}");
        GrpcAddress = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{grpcPort}");
        _channel = GrpcChannel.ForAddress(GrpcAddress);
    }

    public string HttpAddress { get; }

    public string GrpcAddress { get; }

    public V1.Generation.GenerationClient Generation => new(_channel);

    public V1.Workers.WorkersClient Workers => new(_channel);

    /// <summary>The token that operates workers, for versions that need one.</summary>
    public static Metadata Operator { get; } = new() { { "authorization", "Bearer " + OperatorToken } };

    /// <summary>A port that no program listens on.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Starts a program and waits until it is ready.</summary>
    /// <param name="repository">The checkout of the version.</param>
    /// <param name="project">The project's name.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="grpcPort">Its port for gRPC; 0 for a free one.</param>
    /// <param name="settings">Settings besides those of every program.</param>
    public static async Task<RunningProgram> StartAsync(
        string repository, string project, string[] arguments, int grpcPort, params (string Name, string Value)[] settings)
    {
        int http = FreePort(), grpc = grpcPort == 0 ? FreePort() : grpcPort;
        string program = project == "Cli" ? "brownian" : "Brownian." + project;
        var start = new ProcessStartInfo(Path.Combine(repository, "artifacts", "bin", project, "release", program), arguments);
        start.Environment.Remove("BROWNIAN_MODELS");
        string golden = Path.Combine(repository, "tests", "Golden.Tests", "Data");
        (string, string)[] all =
        [
            // The longest allowed time: ended jobs and the images that jobs name are still there when the tests run, years later.
            ("RetentionHours", "1000000"),
            ("ProgressSeconds", "0"),
            ("DrainSeconds", "0"),
            ("Threads", "1"),
            ("ModelFolders__0", Path.Combine(golden, "models")),
            ("AdapterFolders__0", Path.Combine(golden, "loras")),
            .. SavedRequests.Models.Select((model, i) => (string.Create(CultureInfo.InvariantCulture, $"Models__{i}"), model)),
            ("HttpPort", http.ToString(CultureInfo.InvariantCulture)),
            ("GrpcPort", grpc.ToString(CultureInfo.InvariantCulture)),
            .. settings,
        ];
        // A program refuses unknown settings.
        if (typeof(PlatformOptions).GetProperty(nameof(OperatorToken)) is not null)
        {
            all = [.. all, (nameof(OperatorToken), OperatorToken)];
        }
        foreach ((string name, string value) in all)
        {
            start.Environment["Platform__" + name] = value;
        }
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        var running = new RunningProgram(Process.Start(start)!, http, grpc);
        await running.ReadyAsync(project);
        return running;
    }

    /// <summary>Kills it in the way of kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Stops it in the way of SIGTERM: its workers hand back their stages.</summary>
    public async Task TerminateAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }
        _channel.Dispose();
        _process.Dispose();
    }

    private async Task ReadyAsync(string project)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (await timer.WaitForNextTickAsync(deadline.Token))
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"{project} ended with {_process.ExitCode} before it was ready");
            }
            try
            {
                using HttpResponseMessage answer = await Http.GetAsync(new Uri(HttpAddress + "/health/ready"), deadline.Token);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }
    }
}
