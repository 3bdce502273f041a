using System.Diagnostics;
using System.Text.RegularExpressions;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Tests.Services;

/// <summary>The commands of docs/runbooks.md that back a cluster up and restore it.</summary>
public sealed partial class BackupTests(RealServers servers) : IDisposable
{
    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _backup = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_restored_cluster_has_the_images_of_the_backup_and_finishes_its_jobs_with_an_empty_broker()
    {
        string model = _stubs.Add();
        string done, waiting, later;
        byte[] image;
        await using (RedisServer redis = await RedisServer.StartAsync(Stop))
        {
            string[] settings = [.. _stubs.Settings(model), .. await servers.SettingsAsync(redis)];
            await using Node gateway = await Node.StartAsync(static platform => platform.AddGateway(), ServiceRole.Gateway, settings);
            await using Node workers = await Node.StartAsync(Node.Workers, ServiceRole.Denoiser, settings);
            done = await SubmitAsync(gateway, model, 1);
            image = await ImageAsync(gateway, done);
            string denoiser = workers.Services.GetServices<StageWorker>().Single(worker => worker.Role == WorkerRole.Denoiser).Id;
            await gateway.Client.Workers.PauseAsync(new WorkerRequest { Id = denoiser }, cancellationToken: Stop);
            waiting = await SubmitAsync(gateway, model, 2);
            Run("Backup", _backup.FullPath, redis.Configuration.Split(':')[1]);
            later = await SubmitAsync(gateway, model, 3);
        }

        await using RabbitMqServer broker = await RabbitMqServer.StartAsync(Stop);
        await using RedisServer restored = await RedisServer.StartAsync(
            (folder, port) => Run("Restore", folder, port.ToString(CultureInfo.InvariantCulture)), Stop);
        await using Node node = await Node.StartAsync(
            Node.Everything,
            ServiceRole.Gateway,
            [.. _stubs.Settings(model), $"RabbitMq={broker.Uri}", $"Redis={restored.Configuration}", "AnswerSeconds=60", "GraceSeconds=0.1"]);

        Assert.Equal(image, await ImageAsync(node, done));
        Assert.Equal(await ImageAsync(node, await SubmitAsync(node, model, 2)), await ImageAsync(node, waiting));
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(node, later));
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _backup.Dispose();
    }

    private static async Task<string> SubmitAsync(Node node, string model, ulong seed) =>
        (await node.Client.Generation.SubmitAsync(Stubs.Request(model, seed), cancellationToken: Stop)).Id;

    private static async Task<Job> GetAsync(Node node, string id) =>
        await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);

    /// <summary>Waits for the end of a job, and returns its image.</summary>
    private static async Task<byte[]> ImageAsync(Node node, string id)
    {
        await Eventually.TrueAsync(async () => (await GetAsync(node, id)).State is JobState.Done or JobState.Failed, "the job ends");
        Artifact image = Assert.Single((await GetAsync(node, id)).Artifacts);
        return await node.Client.GetArtifactAsync(image.Id, Stop);
    }

    /// <summary>Runs the commands that follow a word of the page.</summary>
    private void Run(string word, string folder, string port)
    {
        string commands = Commands().Matches(Repository.Read("docs", "runbooks.md"))
            .Single(match => match.Groups["word"].Value == word).Groups["commands"].Value;
        var start = new ProcessStartInfo("bash", ["-ec", commands]) { WorkingDirectory = _backup.FullPath, RedirectStandardError = true };
        start.Environment["REDIS_HOST"] = "127.0.0.1";
        start.Environment["REDIS_PORT"] = port;
        start.Environment["REDIS_FOLDER"] = folder;
        using Process shell = Process.Start(start)!;
        string error = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        Assert.True(shell.ExitCode == 0, $"{commands}\n{error}");
    }

    [GeneratedRegex(@"^\*\*(?<word>\w+)\*\*(?:(?!```)[\s\S])*```sh\n(?<commands>[\s\S]*?)```", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
