using Brownian.Gateway.Catalog;
using Brownian.Hosting;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.V1;

namespace Brownian.Gateway.Tests.Catalog;

public sealed class ServedModelsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_cascade_draws_although_it_has_no_family()
    {
        var cascade = new ModelCard
        {
            Name = "two",
            Family = Cascade.Family,
            Facts = new ModelFacts { Family = Cascade.Family },
            Scheduler = [],
            Stages = [],
        };
        Assert.Equal((true, false), (ServedModels.Draws(cascade), ServedModels.Upscales(cascade)));
    }

    [Fact]
    public async Task A_request_without_a_model_uses_the_only_one_that_draws()
    {
        using var stubs = new Stubs();
        string model = stubs.Add(), upscaler = stubs.AddUpscaler();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. stubs.Settings(model, upscaler), "Ephemeral=true"]);
        GenerateRequest request = Stubs.Request(model, 3);
        request.ClearModel();
        Assert.Equal(model, (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Model);
    }
}
