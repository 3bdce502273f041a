using System.Text;
using System.Text.Json.Nodes;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Brownian.Workers;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Upgrade.Tests;

/// <summary>A cluster: its records are in Redis, its messages in RabbitMQ.</summary>
public sealed class ClusterTests(ClusterInstallation installation) : UpgradeContract(installation), IClassFixture<ClusterInstallation>
{
    public static TheoryData<string, string, string> Unfinished => new SavedData("cluster").Unfinished;

    [Theory]
    [MemberData(nameof(Unfinished))]
    public Task An_unfinished_job_resumes_and_gives_the_same_image(string name, string state, string stage) => AssertResumesAsync(name, state, stage);

    [Fact]
    public async Task Saved_models_are_listed_before_a_worker_announces_them_again()
    {
        ListModelsResponse now = await installation.Gateway.Client.Models.ListAsync(new ListModelsRequest(), cancellationToken: Installation.Stop);

        Assert.Equal(
            ["emoji", "tiny-if", "tiny-if-sr", "tiny-sd15", "tiny-sd15-controlnet"],
            installation.ModelsBefore.Models.Select(model => model.Name));
        Assert.All(installation.ModelsBefore.Models, model => Assert.False(model.Served));
        Assert.All(now.Models, model => Assert.True(model.Served));
        foreach (Model model in now.Models)
        {
            model.Served = false;
        }
        Assert.Equal(now.Models, installation.ModelsBefore.Models);
    }

    [Fact]
    public async Task A_command_of_an_earlier_versions_gateway_pauses_a_worker()
    {
        StageWorker worker = installation.Workers.Services.GetServices<StageWorker>().Single(candidate => candidate.Role == WorkerRole.Denoiser);
        SavedMessage command = installation.Saved.Read<SavedMessage>("command.json");
        string text = Encoding.UTF8.GetString(command.Body);
        var named = (string)JsonNode.Parse(text)!["message"]!["worker"]!;

        await installation.PublishAsync(command with { Body = Encoding.UTF8.GetBytes(text.Replace(named, worker.Id, StringComparison.Ordinal)) });

        await Eventually.TrueAsync(() => Task.FromResult(worker.State == WorkerState.Paused), "the worker is paused");
        await installation.Gateway.Client.Workers.ResumeAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Installation.Stop);
        await Eventually.TrueAsync(() => Task.FromResult(worker.State == WorkerState.Ready), "the worker takes work again");
    }
}
