namespace Brownian.Testing.Servers;

/// <summary>A real server for tests alone: on a free port of this machine, with its files in a folder that is deleted with it.</summary>
public abstract class PrivateServer : IAsyncDisposable
{
    /// <summary>The longest time that a server may take for one operation.</summary>
    protected static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>The pause between two attempts.</summary>
    protected static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private static readonly string[] PortTakenMessages = ["Address already in use", "eaddrinuse"];

    private readonly TemporaryFolder _folder = new();
    private ServerProcess? _process;

    /// <summary>The port it listens on.</summary>
    protected int Port { get; } = FreePort.Find();

    /// <summary>The folder of its files, which is also its working and home folder.</summary>
    protected string Folder => _folder.FullPath;

    /// <summary>The program's file.</summary>
    protected abstract string Program { get; }

    /// <summary>The Debian package that contains it.</summary>
    protected abstract string Package { get; }

    /// <summary>The arguments of its start.</summary>
    protected abstract IReadOnlyList<string> Arguments { get; }

    /// <summary>The environment of its start.</summary>
    protected virtual IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>();

    /// <summary>The processes it consists of now.</summary>
    public IReadOnlyList<int> FindProcessIds() => ServerProcess.FindIds(Folder);

    /// <summary>Ends when the server ends, for whatever reason.</summary>
    public Task Ended => Process.Ended;

    /// <summary>Its exit code, after its end.</summary>
    public int ExitCode => Process.ExitCode;

    /// <summary>Stops it in an orderly way. Its data stay.</summary>
    public Task StopAsync() => Process.TerminateAsync(Deadline);

    /// <summary>Kills it at once with its helpers, in the way of kill -9. Its data stay.</summary>
    public void Kill() => Process.Kill(Deadline);

    /// <summary>Sends it a signal, such as STOP to freeze it and CONT to continue it.</summary>
    public async Task SignalAsync(string signal)
    {
        using System.Diagnostics.Process kill = System.Diagnostics.Process.Start("sh", ["-c", $"kill -{signal} {FindProcessIds()[0]}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Starts it after <see cref="StopAsync"/> or <see cref="Kill"/>, with the same port and data.</summary>
    public async Task StartAgainAsync()
    {
        if (!Process.Ended.IsCompleted)
        {
            throw new InvalidOperationException($"{Program} still runs");
        }
        await RunAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _process?.Kill(Deadline);
        string log = await ReadLogAsync();
        _folder.Dispose();
        GC.SuppressFinalize(this);
        CheckLog(log);
    }

    /// <summary>Checks the log of the server after its end.</summary>
    protected virtual void CheckLog(string log)
    {
    }

    /// <summary>Starts a server and waits until it answers.</summary>
    protected static async Task<T> StartAsync<T>(Func<T> create, CancellationToken cancellationToken)
        where T : PrivateServer
    {
        for (int attempt = 1; ; attempt++)
        {
            T server = create();
            try
            {
                await server.RunAsync(cancellationToken);
                return server;
            }
            catch
            {
                // Between finding a port and listening on it another program may take it. If that happens twice in a row, it is no accident.
                bool again = attempt == 1 && await server.LostItsPortAsync();
                await server.DisposeAsync();
                if (!again)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>Uses the server as a client does; throws if it does not answer yet.</summary>
    protected abstract Task AskAsync(CancellationToken cancellationToken);

    private ServerProcess Process => _process ?? throw new InvalidOperationException($"{Program} was not started");

    private string Log => _folder.Combine("server.log");

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Program))
        {
            throw new FileNotFoundException($"{Program} is missing: install Debian's package {Package} (tests/run does)", Program);
        }
        _process = await ServerProcess.StartAsync(Folder, Log, Program, Arguments, Environment);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        // A server does not report that it is ready: the test has to try.
        using var timer = new PeriodicTimer(Pause);
        string refusal = "";
        try
        {
            do
            {
                try
                {
                    await AskAsync(deadline.Token);
                    if (!_process.Ended.IsCompleted)
                    {
                        return;
                    }
                }
                catch (Exception fault) when (!deadline.IsCancellationRequested)
                {
                    refusal = fault.Message;
                }
                if (_process.Ended.IsCompleted)
                {
                    throw new InvalidOperationException($"{Program} ended before it answered. Its log:\n{await ReadLogAsync()}");
                }
            }
            while (await timer.WaitForNextTickAsync(deadline.Token));
        }
        catch (Exception fault) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{Program} does not answer in {Deadline}: {refusal}. Its log:\n{await ReadLogAsync()}", fault);
        }
    }

    private async Task<bool> LostItsPortAsync()
    {
        string log = await ReadLogAsync();
        return PortTakenMessages.Any(message => log.Contains(message, StringComparison.Ordinal));
    }

    /// <summary>Its log.</summary>
    public async Task<string> ReadLogAsync() => File.Exists(Log) ? await File.ReadAllTextAsync(Log) : "";
}
