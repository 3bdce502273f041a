using System.Diagnostics;
using Brownian.Client;
using Brownian.V1;

namespace Brownian.Benchmarks;

/// <summary>The time of direct calls at two gateways, in turn: of two versions, for example.</summary>
internal static class DirectBenchmark
{
    private const int Rounds = 150, WarmUps = 20;

    /// <summary>Measures the gateways and writes the medians to standard output.</summary>
    /// <param name="addresses">The gateways' gRPC addresses.</param>
    public static async Task RunAsync(IReadOnlyList<string> addresses)
    {
        BrownianClient[] clients = [.. addresses.Select(address => new BrownianClient([address]))];
        double[][] times = [.. clients.Select(_ => new double[Rounds])];
        for (int round = -WarmUps; round < Rounds; round++)
        {
            for (int i = 0; i < clients.Length; i++)
            {
                // A new prompt each time, so that no cache answers.
                var request = new GenerateRequest { Prompt = $"an apple {round} {i}", Steps = 2, Direct = true };
                request.Seeds.Add((ulong)(round + WarmUps));
                long start = Stopwatch.GetTimestamp();
                await foreach (JobEvent _ in clients[i].GenerateAsync(request, CancellationToken.None))
                {
                }
                if (round >= 0)
                {
                    times[i][round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                }
            }
        }
        foreach ((string address, double[] taken) in addresses.Zip(times))
        {
            Array.Sort(taken);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{address}: median {taken[Rounds / 2]:0.0} ms, fastest {taken[0]:0.0} ms of {Rounds} direct calls"));
        }
        foreach (BrownianClient client in clients)
        {
            client.Dispose();
        }
    }
}
