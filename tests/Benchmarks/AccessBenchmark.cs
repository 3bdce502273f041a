using System.Diagnostics;
using System.Globalization;
using Brownian.Client;
using Brownian.Tests.Programs;
using Brownian.V1;

namespace Brownian.Benchmarks;

/// <summary>
/// What authentication, quotas and the audit log add to a submission: the processor time of two servers, an open one and one that requires keys and
/// has every quota, to which blocks of the same submissions go in turn.
/// </summary>
internal static class AccessBenchmark
{
    private const int Blocks = 30;
    private const int Submissions = 200;
    private const string Key = "brn_0123456789ab_the-key-of-the-benchmark-of-forty-three-let";
    private const string Token = "the-operators-of-benchmarks";

    /// <summary>Measures servers on free ports.</summary>
    /// <param name="arguments">Further arguments of both servers; those of a process in memory when empty.</param>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        Server[] servers =
        [
            await Server.StartAsync(arguments, new Dictionary<string, string> { ["Platform__Authentication"] = "none" }, null),
            await Server.StartAsync(
                arguments,
                new Dictionary<string, string>
                {
                    ["Platform__Authentication"] = "required",
                    ["Platform__InitialKey"] = Key,
                    ["Platform__TenantRequestsPerMinute"] = "100000",
                    ["Platform__TenantJobs"] = "100000",
                    ["Platform__TenantPixelStepsPerDay"] = "1000000000000000",
                    ["Platform__TenantStoredBytes"] = "1000000000000",
                },
                Key),
        ];
        try
        {
            foreach (Server server in servers)
            {
                // The runtime compiles a service's code again after it has run for a while.
                for (int i = 0; i < 10; i++)
                {
                    await server.SubmitAsync(Submissions);
                }
            }
            var differences = new List<double>();
            var times = new List<double>[] { [], [] };
            for (int block = 0; block < Blocks; block++)
            {
                var pair = new double[2];
                // Alternately first.
                foreach (int i in block % 2 == 0 ? (int[])[0, 1] : [1, 0])
                {
                    pair[i] = await servers[i].SubmitAsync(Submissions);
                    times[i].Add(pair[i]);
                }
                differences.Add(pair[1] - pair[0]);
            }
            Print("open, processor time of a submission, median", Median(times[0]));
            Print("with keys, quotas and audit, median", Median(times[1]));
            Print("difference of pairs, median", Median(differences));
        }
        finally
        {
            foreach (Server server in servers)
            {
                server.Dispose();
            }
        }
    }

    private static void Print(string what, double milliseconds) =>
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-50} {milliseconds:0.000} ms"));

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
