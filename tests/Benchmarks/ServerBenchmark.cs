using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Brownian.Client;
using Brownian.Imaging;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Families;
using Brownian.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Benchmarks;

/// <summary>
/// The time that an installation adds to a run in one process: the same requests are made by the gateway and here, in turn. Also the processor
/// time of a submission in the gateway, and how soon a thousand watchers receive an event.
/// </summary>
internal static partial class ServerBenchmark
{
    private const int Rounds = 60;
    private const int Submissions = 3000;
    private const int Watchers = 1000;

    /// <summary>Measures a gateway that serves the shipped model.</summary>
    /// <param name="grpc">Its gRPC address.</param>
    /// <param name="operatorGrpc">Its gRPC address for operators.</param>
    /// <param name="operatorHttp">Its HTTP address for operators, for its metrics.</param>
    public static async Task RunAsync(string grpc, string operatorGrpc, string operatorHttp)
    {
        using var client = new BrownianClient(
            [grpc],
            new BrownianClientOptions
            {
                OperatorAddress = operatorGrpc,
                OperatorToken = Environment.GetEnvironmentVariable("BROWNIAN_OPERATOR_TOKEN"),
            });
        await OverheadAsync(client);
        await SubmissionsAsync(client, operatorHttp);
        await WatchAsync(client, grpc);
    }

    private static async Task OverheadAsync(BrownianClient client)
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync(
            new ModelCatalog([Path.Combine(AppContext.BaseDirectory, "models")]).Open(null), new SessionSettings(Threads: 1), CancellationToken.None);
        var here = new List<double>();
        var there = new List<double>();
        var parts = new Dictionary<string, List<double>>();
        for (int round = -3; round < Rounds; round++)
        {
            // A new prompt each round: the cache must not help one side alone.
            string prompt = string.Create(CultureInfo.InvariantCulture, $"red apple {round}, flat");
            long start = Stopwatch.GetTimestamp();
            ResolvedRequest request = generator.Resolve(new GenerationRequest { Prompt = prompt, Seeds = [7], Steps = 20 });
            await foreach (GeneratedImage image in generator.GenerateAsync(request, null, CancellationToken.None))
            {
                ImageWriter.Encode(image.Pixels, request.Request.Output, Infotext.Write(request, image.Seed));
            }
            double local = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

            var events = new List<JobEvent>();
            start = Stopwatch.GetTimestamp();
            var message = new GenerateRequest { Prompt = prompt, Steps = 20, Priority = "interactive" };
            message.Seeds.Add(7);
            await foreach (JobEvent item in client.GenerateAsync(message))
            {
                events.Add(item);
            }
            double remote = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (round < 0)
            {
                continue;
            }
            here.Add(local);
            there.Add(remote);
            double known = 0;
            foreach (JobEvent item in events)
            {
                if (item.StageStarted is { } started)
                {
                    Add("queue " + started.Stage, started.QueueTime.ToTimeSpan().TotalMilliseconds);
                }
                else if (item.StageCompleted is { } completed)
                {
                    Add("service " + completed.Stage, completed.ServiceTime.ToTimeSpan().TotalMilliseconds);
                }
            }
            Add("rest: calls, submission, last event", remote - known);

            void Add(string part, double milliseconds)
            {
                known += milliseconds;
                (parts.TryGetValue(part, out List<double>? times) ? times : parts[part] = []).Add(milliseconds);
            }
        }
        double[] differences = [.. there.Zip(here, (remote, local) => remote - local)];
        Print("in process, median", Median(here), "ms");
        Print("by the gateway, median", Median(there), "ms");
        Print("difference of pairs, median", Median(differences), "ms");
        foreach ((string part, List<double> times) in parts)
        {
            Print("  " + part, Median(times), "ms");
        }
    }

    private static async Task SubmissionsAsync(BrownianClient client, string http)
    {
        using var metrics = new HttpClient();
        foreach (Worker worker in (await client.Workers.ListAsync(new ListWorkersRequest())).Workers)
        {
            // The submission is measured, not the jobs.
            await client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id });
        }
        try
        {
            // The runtime compiles a service's code again after it has run for a while.
            await CancelAsync(client, await SubmitAsync(client, Submissions, 8));
            foreach (int together in (int[])[1, 8])
            {
                double before = await CpuAsync(metrics, http);
                long start = Stopwatch.GetTimestamp();
                IReadOnlyCollection<string> ids = await SubmitAsync(client, Submissions, together);
                double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                double after = await CpuAsync(metrics, http);
                await CancelAsync(client, ids);
                Print($"a submission, {together} at a time", milliseconds / Submissions, "ms");
                Print($"a submission, {together} at a time, gateway's processor time", 1000 * (after - before) / Submissions, "ms");
            }
        }
        finally
        {
            foreach (Worker worker in (await client.Workers.ListAsync(new ListWorkersRequest())).Workers)
            {
                await client.Workers.ResumeAsync(new WorkerRequest { Id = worker.Id });
            }
        }
    }

    private static Task CancelAsync(BrownianClient client, IEnumerable<string> ids) =>
        Parallel.ForEachAsync(
            ids, async (id, cancellationToken) =>
                await client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: cancellationToken));

    private static async Task<IReadOnlyCollection<string>> SubmitAsync(BrownianClient client, int submissions, int together)
    {
        var ids = new ConcurrentBag<string>();
        int next = 0;
        await Task.WhenAll(Enumerable.Range(0, together).Select(async _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) <= submissions;)
            {
                var request = new GenerateRequest { Prompt = "red apple, flat", Steps = 20, Priority = "batch" };
                request.Seeds.Add((ulong)i);
                ids.Add((await client.Generation.SubmitAsync(request)).Id);
            }
        }));
        return ids;
    }

    private static async Task WatchAsync(BrownianClient client, string grpc)
    {
        var request = new GenerateRequest { Prompt = "red apple, flat", Steps = 200, Priority = "interactive" };
        request.Seeds.Add(1);
        Job job = await client.Generation.SubmitAsync(request);
        var delays = new List<double>();
        using var watching = new BrownianClient([.. Enumerable.Repeat(grpc, 4)]);
        await Task.WhenAll(Enumerable.Range(0, Watchers).Select(async i =>
        {
            var own = new List<double>();
            using AsyncServerStreamingCall<JobEvent> call = watching.Generation.Watch(new WatchJobRequest { Id = job.Id });
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                JobEvent item = call.ResponseStream.Current;
                if (item.Progress is not null || item.Done is not null)
                {
                    own.Add((DateTimeOffset.UtcNow - item.Time.ToDateTimeOffset()).TotalMilliseconds);
                }
            }
            lock (delays)
            {
                // The first events happened before the watcher connected.
                delays.AddRange(own.TakeLast(5));
            }
        }));
        delays.Sort();
        Print($"{Watchers} watchers, from an event to its reader, median", Median(delays), "ms");
        Print($"{Watchers} watchers, from an event to its reader, 99th percentile", delays[delays.Count * 99 / 100], "ms");
    }

    private static async Task<double> CpuAsync(HttpClient metrics, string http) =>
        CpuTime().Matches(await metrics.GetStringAsync(new Uri(http + "/metrics")))
            .Sum(line => double.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture));

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static void Print(string what, double value, string unit) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-70}{value,10:0.00} {unit}"));

    [GeneratedRegex(@"^dotnet_process_cpu_time_seconds_total\{[^}]*\} ([\d.e+-]+)", RegexOptions.Multiline)]
    private static partial Regex CpuTime();
}
