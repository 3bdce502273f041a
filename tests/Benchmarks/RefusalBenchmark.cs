using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Brownian.Client;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Benchmarks;

/// <summary>
/// The memory that refused requests leave: requests with large images that are refused, and uploads that are no images, a thousand of each
/// kind. The memory of the store and of the gateway must end where it began.
/// </summary>
internal static partial class RefusalBenchmark
{
    private const int Requests = 1000;
    private const int Together = 8;
    private const int ImageBytes = 1 << 20;
    private const int UploadBytes = 4 << 20;

    /// <summary>Measures a gateway of a cluster.</summary>
    /// <param name="grpc">Its gRPC address.</param>
    /// <param name="http">Its HTTP address, for JSON.</param>
    /// <param name="operatorHttp">Its HTTP address for operators, for its metrics.</param>
    /// <param name="redis">Its job store, as host:port.</param>
    public static async Task RunAsync(string grpc, string http, string operatorHttp, string redis)
    {
        using var client = new BrownianClient(grpc);
        using var web = new HttpClient { BaseAddress = new Uri(http) };
        using var operators = new HttpClient { BaseAddress = new Uri(operatorHttp) };
        string image = "data:image/png;base64," + Convert.ToBase64String(new byte[ImageBytes]);
        string json = $$"""{"prompt": "red apple, flat", "noise": "dice", "init_image": "{{image}}"}""";
        byte[] noImage = new byte[UploadBytes];
        var kinds = new (string Name, Func<Task> Send)[]
        {
            ("unknown model, a picture of 1 MiB",
                () => RefusedAsync(async () => await client.Generation.SubmitAsync(
                    new GenerateRequest { Model = "nobody", Prompt = "red apple, flat", InitImage = image }))),
            ("bad field, a picture of 1 MiB",
                () => RefusedAsync(async () => await client.Generation.SubmitAsync(
                    new GenerateRequest { Prompt = "red apple, flat", Noise = "dice", InitImage = image }))),
            ("the same in JSON", async () =>
            {
                using HttpResponseMessage answer = await web.PostAsync(
                    new Uri("/v1/jobs", UriKind.Relative), new StringContent(json, Encoding.UTF8, "application/json"));
                Require(!answer.IsSuccessStatusCode);
            }),
            ("direct, bad field, a picture of 1 MiB", () => RefusedAsync(async () =>
            {
                using AsyncServerStreamingCall<JobEvent> call = client.Generation.Generate(
                    new GenerateRequest { Prompt = "red apple, flat", Noise = "dice", Direct = true, InitImage = image });
                await call.ResponseStream.MoveNext(CancellationToken.None);
            })),
            ("uploads of 4 MiB that are no image", () => RefusedAsync(async () => await client.UploadAsync(new MemoryStream(noImage)))),
            ("last parts of 1 MiB that are no image",
                () => RefusedAsync(async () => await client.Generation.UploadPartAsync(
                    new UploadPartRequest { Data = ByteString.CopyFrom(noImage, 0, ImageBytes), Last = true }))),
        };
        foreach ((_, Func<Task> send) in kinds)
        {
            // The gateway's heap grows once to the size that such requests need.
            await ManyAsync(send, Requests / 5);
        }
        Console.WriteLine($"{"after " + Requests + " of each, MiB",-50}{"Redis",10}{"gateway",10}");
        await PrintAsync("before");
        foreach ((string name, Func<Task> send) in kinds)
        {
            await ManyAsync(send, Requests);
            await PrintAsync(name);
        }

        async Task PrintAsync(string name)
        {
            double store = await RedisBytesAsync(redis) / 1048576.0, gateway = await GatewayBytesAsync(operators) / 1048576.0;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-50}{store,10:0.0}{gateway,10:0.0}"));
        }
    }

    private static Task ManyAsync(Func<Task> send, int count)
    {
        int left = count;
        return Task.WhenAll(Enumerable.Range(0, Together).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                await send();
            }
        }));
    }

    private static async Task RefusedAsync(Func<Task> send)
    {
        bool refused = false;
        try
        {
            await send();
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.InvalidArgument)
        {
            refused = true;
        }
        Require(refused);
    }

    private static void Require(bool refused)
    {
        if (!refused)
        {
            throw new InvalidOperationException("A request was accepted that must be refused");
        }
    }

    /// <summary>The memory of the store's data, without the server's own buffers.</summary>
    private static async Task<long> RedisBytesAsync(string server)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Split(':')[0], int.Parse(server.Split(':')[1], CultureInfo.InvariantCulture));
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("INFO memory\r\nQUIT\r\n"u8.ToArray());
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return long.Parse(Dataset().Match(await reader.ReadToEndAsync()).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static async Task<double> GatewayBytesAsync(HttpClient operators) =>
        double.Parse(WorkingSet().Match(await operators.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Groups[1].Value,
            CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^used_memory_dataset:(\d+)", RegexOptions.Multiline)]
    private static partial Regex Dataset();

    [GeneratedRegex(@"^dotnet_process_memory_working_set_bytes\{[^}]*\} ([\d.e+-]+)", RegexOptions.Multiline)]
    private static partial Regex WorkingSet();
}
