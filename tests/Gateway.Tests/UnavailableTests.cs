using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Sqlite;
using Brownian.Jobs.Uploads;
using Brownian.Models.Facts;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Gateway.Tests;

/// <summary>Whatever fails behind a gateway, clients receive one sentence and the time to retry, and the log has the details.</summary>
public sealed partial class UnavailableTests : IAsyncDisposable
{
    private const string Job = "0123456789abcdef0123456789abcdef";

    private static readonly string[] Calls =
        ["Generate", "Submit", "Get", "List", "Watch", "Cancel", "Retry", "GetArtifact", "Upload", "UploadPart", "Models.List", "Models.Get",
            "Workers.List", "Workers.Pause"];

    private static readonly string[] JsonCalls =
        ["POST jobs", "GET jobs/ID", "GET jobs", "POST jobs/ID/cancel", "POST jobs/ID/retry", "POST uploads", "GET artifacts/ID-0", "GET models",
            "GET models/NAME", "GET workers"];

    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _data = new();
    private readonly LogLines _log = new();
    private RedisServer? _redis;
    private RabbitMqServer? _rabbitMq;

    /// <summary>The failure, the sentence for clients, and the calls that fail with it.</summary>
    public static TheoryData<string, string, string[]> Provocations => new()
    {
        { "Redis is away", "the job store cannot be used now; try again later",
            [.. Calls, "direct", "Generate with a picture", "Submit with a picture", .. JsonCalls, "POST jobs with a picture"] },
        { "the broker is unavailable", "the message broker cannot be used now; try again later",
            ["Generate", "Submit", "Submit with a picture", "POST jobs", "POST jobs with a picture"] },
        { "no worker is where it was said to be", "a stage service cannot be reached now; try again later", ["direct"] },
        { "the folder of files is no folder", "the file store cannot be used now; try again later",
            ["Upload", "UploadPart", "direct", "Generate with a picture", "Submit with a picture", "POST uploads", "POST jobs with a picture"] },
        { "a file cannot be read", "the file store cannot be used now; try again later",
            ["Submit that names an upload", "GetArtifact of a job", "POST jobs that names an upload", "GET artifacts of a job"] },
        { "the job store's file is damaged", "the job store cannot be used now; try again later",
            ["Generate", "Submit", "Get", "List", "Watch", "Cancel", "Retry", "GetArtifact", "POST jobs", "GET jobs/ID", "GET jobs",
                "POST jobs/ID/cancel", "POST jobs/ID/retry", "GET artifacts/ID-0"] },
        { "the ledger's file is damaged", "the job store cannot be used now; try again later", ["Upload", "UploadPart", "POST uploads"] },
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Provocations))]
    public async Task A_failure_behind_the_gateway_is_answered_with_one_sentence_and_the_time_to_retry(string what, string sentence, string[] calls)
    {
        string model = _stubs.AddUpscaler();
        (Node node, Target target) = await ProvokeAsync(what, model);
        await using (node)
        {
            foreach (string call in calls)
            {
                int logged = Logged();
                (string code, string text) = await AnswerAsync(node, target, call);
                Assert.True(code is "Unavailable" or "ServiceUnavailable", $"{call}: {code} {text}");
                // A submission may instead be refused because it took too long.
                Assert.True(
                    text.Contains(sentence, StringComparison.Ordinal)
                        || text.Contains("the submission took too long and was abandoned; try again later", StringComparison.Ordinal),
                            $"{call}: {text}");
                Assert.True(text.Contains("retryDelay", StringComparison.Ordinal) || text.Contains("Retry-After", StringComparison.Ordinal),
                    $"{call}: no time to try again: {text}");
                Match leak = Insides().Match(text.Replace("type.googleapis.com", "", StringComparison.Ordinal));
                Assert.False(leak.Success || text.Contains(_data.FullPath, StringComparison.Ordinal),
                    $"{call} tells of the server's insides (\"{leak.Value}\"): {text}");
                Assert.True(Logged() == logged + 1, $"{call}: {Logged() - logged} lines in the log instead of one");
            }
        }

        int Logged() => _log.Lines.Count(line => line.Event is "CallUnavailable" or "DownloadUnavailable");
    }

    public async ValueTask DisposeAsync()
    {
        _stubs.Dispose();
        _data.Dispose();
        _log.Dispose();
        if (_rabbitMq is not null)
        {
            await _rabbitMq.DisposeAsync();
        }
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    /// <summary>Paths, addresses, types, stacks, and the names of libraries and their commands.</summary>
    [GeneratedRegex(@"(^|[\s""'(])/\w+/|\d+\.\d+\.\d+\.\d+|localhost|:\d{4,5}\b|Exception|\.cs\b"
        + @"|   at |Socket|SQLite|sqlite|Redis|StackExchange|RabbitMQ|HMGET|EVAL|HttpRequest")]
    private static partial Regex Insides();

    private static async Task<(string Code, string Text)> AnswerAsync(Node node, Target target, string call)
    {
        string model = target.Model;
        GenerateRequest plain = new() { Model = model, Task = "upscale", InitImage = Stubs.DataUrl(Stubs.Png()) };
        GenerateRequest text = Stubs.Request(target.TextModel ?? model, 1);
        GenerateRequest direct = (target.TextModel is null ? plain : text).Clone();
        direct.Direct = true;
        GenerateRequest named = new() { Model = model, Task = "upscale", InitImage = target.Upload };
        V1.Generation.GenerationClient client = node.Client.Generation;
        try
        {
            switch (call)
            {
                case "Generate" or "Generate with a picture":
                    await ReadAsync(client.Generate(plain, cancellationToken: Stop).ResponseStream);
                    break;
                case "direct":
                    await ReadAsync(client.Generate(direct, cancellationToken: Stop).ResponseStream);
                    break;
                case "Submit" or "Submit with a picture":
                    await client.SubmitAsync(plain, cancellationToken: Stop);
                    break;
                case "Submit that names an upload":
                    await client.SubmitAsync(named, cancellationToken: Stop);
                    break;
                case "Get":
                    await client.GetAsync(new GetJobRequest { Id = Job }, cancellationToken: Stop);
                    break;
                case "List":
                    await client.ListAsync(new ListJobsRequest(), cancellationToken: Stop);
                    break;
                case "Watch":
                    await ReadAsync(client.Watch(new WatchJobRequest { Id = Job }, cancellationToken: Stop).ResponseStream);
                    break;
                case "Cancel":
                    await client.CancelAsync(new CancelJobRequest { Id = Job }, cancellationToken: Stop);
                    break;
                case "Retry":
                    await client.RetryAsync(new RetryJobRequest { Id = Job }, cancellationToken: Stop);
                    break;
                case "GetArtifact":
                    await ReadAsync(client.GetArtifact(new GetArtifactRequest { Id = Job + "-0" }, cancellationToken: Stop).ResponseStream);
                    break;
                case "GetArtifact of a job":
                    await ReadAsync(client.GetArtifact(new GetArtifactRequest { Id = target.Artifact }, cancellationToken: Stop).ResponseStream);
                    break;
                case "Upload":
                    await node.Client.UploadAsync(new MemoryStream(Stubs.Png()), Stop);
                    break;
                case "UploadPart":
                    await client.UploadPartAsync(new UploadPartRequest { Data = ByteString.CopyFrom(Stubs.Png()) }, cancellationToken: Stop);
                    break;
                case "Models.List":
                    await node.Client.Models.ListAsync(new ListModelsRequest(), cancellationToken: Stop);
                    break;
                case "Models.Get":
                    await node.Client.Models.GetAsync(new GetModelRequest { Name = model }, cancellationToken: Stop);
                    break;
                case "Workers.List":
                    await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop);
                    break;
                case "Workers.Pause":
                    await node.Client.Workers.PauseAsync(new WorkerRequest { Id = "worker" }, cancellationToken: Stop);
                    break;
                default:
                    return await AnswerJsonAsync(node, target, call, plain, named);
            }
            return ("OK", "");
        }
        catch (RpcException refused)
        {
            string trailers = string.Join(
                '\n', refused.Trailers.Select(trailer => trailer.IsBinary ? Encoding.UTF8.GetString(trailer.ValueBytes) : trailer.Value));
            string retry = refused.GetRpcStatus()?.GetDetail<Google.Rpc.RetryInfo>() is { RetryDelay: not null } ? "retryDelay" : "";
            return (refused.StatusCode.ToString(), $"{refused.Status.Detail}\n{retry}\n{trailers}");
        }
    }

    private static async Task<(string Code, string Text)> AnswerJsonAsync(
        Node node, Target target, string call, GenerateRequest plain, GenerateRequest named)
    {
        string path = "/v1/" + call.Split(' ')[1].Replace("ID", Job, StringComparison.Ordinal).Replace(
            "NAME", target.Model, StringComparison.Ordinal);
        if (call == "GET artifacts of a job")
        {
            path = "/v1/artifacts/" + target.Artifact;
        }
        string body = call switch
        {
            "POST uploads" => $"{{\"data\": \"{Convert.ToBase64String(Stubs.Png())}\", \"last\": true}}",
            "POST jobs that names an upload" => Json(named),
            "POST jobs" or "POST jobs with a picture" => Json(plain),
            _ => "{}",
        };
        using var request = new HttpRequestMessage(new HttpMethod(call.Split(' ')[0]), path);
        if (request.Method == HttpMethod.Post)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }
        HttpClient client = path.StartsWith("/v1/workers", StringComparison.Ordinal) ? node.Operators : node.Http;
        using HttpResponseMessage answer = await client.SendAsync(request, Stop);
        return (answer.StatusCode.ToString(),
            $"{answer.Headers}{await answer.Content.ReadAsStringAsync(Stop)}".Replace(
                $"Date: {answer.Headers.Date:R}", "", StringComparison.Ordinal));

        static string Json(GenerateRequest message) =>
            new JsonFormatter(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true)).Format(message);
    }

    private static async Task ReadAsync<T>(IAsyncStreamReader<T> stream)
    {
        while (await stream.MoveNext(Stop))
        {
            // Until it fails.
        }
    }

    private static void Damage(object store, string table)
    {
        object file = FieldOf(store, "_database") ?? store;
        var connection = (SqliteConnection)FieldOf(file, "_connection")!;
        using SqliteCommand drop = connection.CreateCommand();
        drop.CommandText = "DROP TABLE " + table;
        drop.ExecuteNonQuery();
    }

    private static object? FieldOf(object owner, string name) =>
        owner.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(owner);

    private async Task<(Node Node, Target Target)> ProvokeAsync(string what, string model)
    {
        switch (what)
        {
            case "Redis is away":
                {
                    Node node = await StartClusterAsync(Node.Everything, model);
                    _redis!.Kill();
                    return (node, new Target(model));
                }
            case "the broker is unavailable":
                {
                    Node node = await StartClusterAsync(Node.Everything, model);
                    _rabbitMq!.Kill();
                    return (node, new Target(model));
                }
            case "no worker is where it was said to be":
                {
                    string text = _stubs.Add();
                    await using (await StartClusterAsync(Node.Everything, model, text))
                    {
                        // From now on the catalogue lists its models.
                    }
                    Node node = await StartClusterAsync(platform => Gateway.GatewayExtensions.AddGateway(platform), model, text);
                    ICatalog catalog = node.Services.GetRequiredService<ICatalog>();
                    ModelCard card = (await catalog.FindModelAsync(text, Stop))!;
                    await catalog.PublishAsync(
                        new WorkerCard
                        {
                            Id = "gone",
                            Role = WorkerRole.TextEncoder.Name,
                            State = WorkerState.Ready,
                            Models = new Dictionary<string, string> { [text] = card.Fingerprint },
                            Address = "http://127.0.0.1:" + FreePort.Find(),
                            Slots = 1,
                            Provider = "cpu",
                            Seen = DateTimeOffset.UtcNow,
                        },
                        Stop);
                    return (node, new Target(model, TextModel: text));
                }
            case "the folder of files is no folder":
                {
                    Node node = await StartOneAsync(model);
                    string folder = _data.Combine("artifacts");
                    if (Directory.Exists(folder))
                    {
                        Directory.Delete(folder, recursive: true);
                    }
                    await File.WriteAllTextAsync(folder, "", Stop);
                    return (node, new Target(model));
                }
            case "a file cannot be read":
                {
                    Node node = await StartOneAsync(model);
                    UploadedImage image = await node.Client.UploadAsync(new MemoryStream(Stubs.Png()), Stop);
                    var events = new List<JobEvent>();
                    await foreach (JobEvent item in node.Client.GenerateAsync(Stubs.Upscale(model, image.Id), Stop))
                    {
                        events.Add(item);
                    }
                    string artifact = events.Single(item => item.Artifact is not null).Artifact.Id;
                    foreach (string file in Directory.GetFiles(_data.Combine("artifacts"), "*", SearchOption.AllDirectories))
                    {
                        // A file that exists but cannot be read by any user.
                        DateTime stamp = File.GetLastWriteTimeUtc(file);
                        File.Delete(file);
                        File.CreateSymbolicLink(file, "/proc/self/mem");
                        File.SetLastWriteTimeUtc(file, stamp);
                    }
                    return (node, new Target(model, image.Id, artifact));
                }
            case "the job store's file is damaged":
                {
                    Node node = await StartOneAsync(model);
                    Damage((SqliteJobStore)node.Services.GetRequiredService<IJobStore>(), "jobs");
                    return (node, new Target(model));
                }
            default:
                {
                    Node node = await StartOneAsync(model);
                    Damage(node.Services.GetRequiredService<IUploadLedger>(), "uploads");
                    return (node, new Target(model));
                }
        }
    }

    private Task<Node> StartOneAsync(params string[] models) =>
        Node.StartAsync(Log(Node.Everything), ServiceRole.Gateway, [.. _stubs.Settings(models), "DataFolder=" + _data.FullPath]);

    private async Task<Node> StartClusterAsync(Action<PlatformBuilder> add, params string[] models)
    {
        _redis ??= await RedisServer.StartAsync(Stop);
        _rabbitMq ??= await RabbitMqServer.StartAsync(Stop);
        return await Node.StartAsync(
            Log(add), ServiceRole.Gateway, [.. _stubs.Settings(models), "RabbitMq=" + _rabbitMq.Uri, "Redis=" + _redis.Configuration]);
    }

    private Action<PlatformBuilder> Log(Action<PlatformBuilder> add) => platform =>
    {
        add(platform);
        platform.Web.Logging.AddProvider(_log);
    };

    private sealed record Target(string Model, string Upload = "", string Artifact = "", string? TextModel = null);
}
