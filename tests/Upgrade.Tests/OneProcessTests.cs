using Brownian.Client;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Upgrade.Tests;

/// <summary>Everything in one process: its records are in SQLite, its tensors and images in files.</summary>
public sealed class OneProcessTests(OneProcessInstallation installation) : UpgradeContract(installation), IClassFixture<OneProcessInstallation>
{
    public static TheoryData<string, string, string> Unfinished => new SavedData("one-process").Unfinished;

    [Theory]
    [MemberData(nameof(Unfinished))]
    public Task An_unfinished_job_resumes_and_gives_the_same_image(string name, string state, string stage) => AssertResumesAsync(name, state, stage);

    [Fact]
    public async Task An_expired_upload_is_refused()
    {
        var request = new GenerateRequest { Model = "emoji", Prompt = "fox, flat", InitImage = installation.Saved.Uploads[^1].Id };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await installation.Gateway.Client.Generation.SubmitAsync(request, cancellationToken: Installation.Stop));

        (string field, string description) = Assert.Single(BrownianClient.FaultsOf(refused));
        Assert.Equal("init_image", field);
        Assert.Contains("does not exist", description, StringComparison.Ordinal);
    }
}
