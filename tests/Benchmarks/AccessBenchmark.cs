using System.Diagnostics;
using Brownian.Client;
using Brownian.V1;

namespace Brownian.Benchmarks;

/// <summary>
/// What authentication, quotas and the audit log add to a submission: the processor time of three servers, two open ones and one that requires keys
/// and has every quota, to which blocks of the same submissions go in turn. Two processes of the same program differ too, by what the runtime
/// compiles how and when: the difference of the open ones shows by how much, and several rounds of new processes average over it.
/// </summary>
internal static class AccessBenchmark
{
    private const int Rounds = 9;
    private const int WarmUp = 6;
    private const int Blocks = 9;
    private const int Submissions = 200;
    private const string Key = "brn_0123456789ab_the-key-of-the-benchmark-of-forty-three-let";
    private const string Token = "the-operators-of-benchmarks";

    private static readonly Dictionary<string, string> Open = new() { ["Platform__Authentication"] = "none" };

    private static readonly Dictionary<string, string> Secured = new()
    {
        ["Platform__Authentication"] = "required",
        ["Platform__InitialKey"] = Key,
        ["Platform__TenantRequestsPerMinute"] = "100000",
        ["Platform__TenantJobs"] = "100000",
        ["Platform__TenantPixelStepsPerDay"] = "1000000000000000",
        ["Platform__TenantStoredBytes"] = "1000000000000",
    };

    /// <summary>Measures servers on free ports.</summary>
    /// <param name="arguments">Further arguments of the servers; those of a process in memory when empty.</param>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var times = new List<double>[] { [], [], [] };
        for (int round = 0; round < Rounds; round++)
        {
            double[] medians = await MeasureAsync(arguments, round);
            for (int i = 0; i < medians.Length; i++)
            {
                times[i].Add(medians[i]);
            }
        }
        Print("open, processor time of a submission", times[0].Concat(times[1]));
        Print("with keys, quotas and audit", times[2]);
        Print("two open servers, difference", times[1].Zip(times[0], (second, first) => second - first));
        Print(
            "with keys, quotas and audit, difference",
            times[2].Zip(times[0].Zip(times[1]), (secured, open) => secured - ((open.First + open.Second) / 2)));
    }

    /// <summary>Measures new processes.</summary>
    /// <returns>The medians of two open servers and of the secured one, in milliseconds.</returns>
    private static async Task<double[]> MeasureAsync(IReadOnlyList<string> arguments, int round)
    {
        var servers = new Server[3];
        // Each takes each place, also in the order of starting.
        int[] order = [round % 3, (round + 1) % 3, (round + 2) % 3];
        try
        {
            foreach (int i in order)
            {
                servers[i] = await Server.StartAsync(arguments, i == 2 ? Secured : Open, i == 2 ? Key : null);
            }
            var times = new List<double>[] { [], [], [] };
            for (int block = 0; block < WarmUp + Blocks; block++)
            {
                foreach (int i in order)
                {
                    double time = await servers[i].SubmitAsync(Submissions);
                    // The runtime compiles a service's code again after it has run for a while.
                    if (block >= WarmUp)
                    {
                        times[i].Add(time);
                    }
                }
                order = [order[1], order[2], order[0]];
            }
            return [.. times.Select(Median)];
        }
        finally
        {
            foreach (Server? server in servers)
            {
                server?.Dispose();
            }
        }
    }

    /// <summary>Prints the median of the rounds and their range.</summary>
    private static void Print(string what, IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{what,-42} {Median(sorted),6:0.00} ms ({sorted[0]:0.00} to {sorted[^1]:0.00})"));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>A server whose workers take no stages.</summary>
    private sealed class Server(Process process, BrownianClient client) : IDisposable
    {
        public static async Task<Server> StartAsync(
            IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> settings, string? key)
        {
            int grpc = FreePort.Find(), operators = FreePort.Find();
            Process process = BrownianProgram.Start(new ProgramRun
            {
                Arguments =
                [
                    "serve", "--http-port", "0", "--operator-http-port", "0", "--grpc-port", grpc.ToString(CultureInfo.InvariantCulture),
                    "--operator-grpc-port", operators.ToString(CultureInfo.InvariantCulture), .. arguments.Count == 0 ? ["--ephemeral"] : arguments,
                ],
                Environment = new Dictionary<string, string>(settings)
                {
                    ["Platform__OperatorToken"] = Token,
                    ["Platform__MaxJobs"] = "1000000",
                },
            });
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            var client = new BrownianClient(
                string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{grpc}"),
                new BrownianClientOptions
                {
                    Credentials = BrownianClientOptions.Fixed(key),
                    OperatorAddress = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{operators}"),
                    OperatorToken = Token,
                });
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
            while (!await IsAnnouncedAsync(client))
            {
                await timer.WaitForNextTickAsync();
            }
            if (arguments.Count == 0)
            {
                foreach (Worker worker in (await client.Workers.ListAsync(new ListWorkersRequest())).Workers)
                {
                    await client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id });
                }
            }
            return new Server(process, client);
        }

        /// <summary>Submits jobs one after the other, and cancels them.</summary>
        /// <returns>The server's processor time of one submission, in milliseconds.</returns>
        public async Task<double> SubmitAsync(int count)
        {
            var request = new GenerateRequest { Prompt = "red apple, flat" };
            var ids = new List<string>();
            process.Refresh();
            TimeSpan before = process.TotalProcessorTime;
            for (int i = 0; i < count; i++)
            {
                ids.Add((await client.Generation.SubmitAsync(request)).Id);
            }
            process.Refresh();
            double milliseconds = (process.TotalProcessorTime - before).TotalMilliseconds / count;
            await Parallel.ForEachAsync(ids, async (id, stop) =>
                await client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: stop));
            return milliseconds;
        }

        public void Dispose()
        {
            client.Dispose();
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }

        private static async Task<bool> IsAnnouncedAsync(BrownianClient client)
        {
            try
            {
                return (await client.Models.ListAsync(new ListModelsRequest())).Models.Count > 0;
            }
            catch (Grpc.Core.RpcException)
            {
                return false;
            }
        }
    }
}
