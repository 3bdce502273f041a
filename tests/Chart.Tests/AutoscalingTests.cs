using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Gateway.Scaling;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Models.Catalog;
using Brownian.Testing.Servers;
using RabbitMQ.Client;

namespace Brownian.Chart.Tests;

/// <summary>The chart's autoscalers ask for what the programs answer.</summary>
public sealed class AutoscalingTests(Helm helm) : IClassFixture<Helm>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private const string Keda = "autoscaling.yaml", Alternatives = "autoscaling-alternatives.yaml";

    [Fact]
    public async Task The_gateways_read_the_triggers_of_pools_as_the_values_mean_them()
    {
        ScaledPool pool = await PoolAsync("ScaledObject", "sdxl");
        Assert.Equal(WorkerRole.Denoiser, pool.Role);
        Assert.Equal(["sdxl", "sd15"], pool.Models);
        Assert.Equal([JobPriority.Interactive, JobPriority.Standard], pool.Priorities);
        Assert.Equal(("cuda", 4, false), (pool.Provider, pool.Slots, pool.Drains));
        Assert.Equal((90.5, 120, 300, 0.5), (pool.TargetSeconds, pool.LoadSeconds, pool.CooldownSeconds, pool.Share));

        pool = await PoolAsync("ScaledObject", "text-encoder");
        Assert.Equal((WorkerRole.TextEncoder, "cpu", 1, 5), (pool.Role, pool.Provider, pool.Slots, pool.TargetSeconds));
        // It encodes the prompts of every denoiser.
        Assert.Equal(["sdxl", "sd15"], pool.Models);
        Assert.Empty(pool.Priorities);

        pool = await PoolAsync("ScaledJob", "batch");
        Assert.Equal((1, true), (pool.Slots, pool.Drains));
        Assert.Equal([JobPriority.Batch], pool.Priorities);
    }

    [Fact]
    public async Task The_triggers_of_the_chart_have_every_setting_that_the_gateways_know()
    {
        IEnumerable<string> given = (await helm.RenderAsync(Keda)).Documents.OfType<JsonNode>()
            .Where(document => (string)document["kind"]! is "ScaledObject" or "ScaledJob")
            .SelectMany(document => document["spec"]!["triggers"]![0]!["metadata"]!.AsObject().Select(setting => setting.Key));

        Assert.Equal(
            ScaledPool.Settings.Concat(["scalerAddress", ExternalScalerService.TokenKey]).Order(StringComparer.Ordinal),
            given.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_scaled_pool_has_no_fixed_number_of_replicas_and_wakes_from_zero()
    {
        JsonNode scaled = await DocumentAsync(Keda, "ScaledObject", "sdxl");
        Assert.Equal("release-sdxl", (string)scaled["spec"]!["scaleTargetRef"]!["name"]!);
        Assert.Equal((0, 16), ((int)scaled["spec"]!["minReplicaCount"]!, (int)scaled["spec"]!["maxReplicaCount"]!));
        // Activity is pushed; the address is that of the gateways' service for operators.
        JsonNode trigger = Assert.Single(scaled["spec"]!["triggers"]!.AsArray())!;
        Assert.Equal("external-push", (string)trigger["type"]!);
        string[] address = ((string)trigger["metadata"]!["scalerAddress"]!).Split('.', ':');
        JsonNode service = await DocumentAsync(Keda, "Service", "gateway-operators");
        Assert.Equal((string)service["metadata"]!["name"]!, address[0]);
        Assert.Contains(
            service["spec"]!["ports"]!.AsArray(), port => port!["port"]!.ToString() == address[^1] && (string)port["name"]! == "operator-grpc");

        Assert.Null((await DocumentAsync(Keda, "Deployment", "sdxl"))["spec"]!["replicas"]);
        Assert.Equal(2, (int)(await DocumentAsync(Keda, "Deployment", "vae-decoder"))["spec"]!["replicas"]!);
    }

    [Fact]
    public async Task A_pool_that_drains_is_scaled_as_jobs_which_KEDA_polls()
    {
        JsonNode scaled = await DocumentAsync(Keda, "ScaledJob", "batch");
        // KEDA pushes to ScaledObjects alone.
        Assert.Equal("external", (string)Assert.Single(scaled["spec"]!["triggers"]!.AsArray())!["type"]!);
        JsonNode pod = scaled["spec"]!["jobTargetRef"]!["template"]!["spec"]!;
        Assert.Equal("Never", (string)pod["restartPolicy"]!);
        // A node that goes away is no failure of the job.
        JsonNode rule = Assert.Single(scaled["spec"]!["jobTargetRef"]!["podFailurePolicy"]!["rules"]!.AsArray())!;
        Assert.Equal(("Ignore", "DisruptionTarget"), ((string)rule["action"]!, (string)rule["onPodConditions"]![0]!["type"]!));
        Assert.Contains(pod["containers"]![0]!["env"]!.AsArray(), variable => (string)variable!["name"]! == "Platform__Drain");
    }

    [Theory]
    [InlineData("ScaledObject", "vae-decoder", "vae-decode|sd15|interactive", "write||batch", "vae-encode|sd15|standard")]
    [InlineData("ScaledJob", "batch", "denoise|sd15|batch", "denoise|SDXL Base|batch")]
    public async Task The_queues_of_a_pool_are_those_of_its_stages_and_no_others(string kind, string name, params string[] served)
    {
        JsonNode trigger = (await DocumentAsync(Alternatives, kind, name))["spec"]!["triggers"]![0]!;
        var queues = new Regex((string)trigger["metadata"]!["queueName"]!);
        Assert.All(served, queue => Assert.Matches(queues, Name(queue)));
        string[] all =
        [
            .. from stage in WorkerRole.All.SelectMany(role => role.Kinds)
               from model in (string?[])["sd15", "SDXL Base", "sdxl-base", null]
               from priority in Enum.GetValues<JobPriority>()
               select new StageQueue(stage, model, priority).Name,
        ];
        ScaledPool pool = kind == "ScaledJob"
            ? new ScaledPool { Role = WorkerRole.Denoiser, Models = ["sd15", "SDXL Base"], Priorities = [JobPriority.Batch] }
            : new ScaledPool { Role = WorkerRole.VaeDecoder, Models = ["sd15", "SDXL Base"] };
        Assert.Equal(
            from stage in pool.Role.Kinds
            from model in (string?[])["sd15", "SDXL Base", "sdxl-base", null]
            where pool.Models.Count == 0 || model is null || pool.Models.Contains(model)
            from priority in Enum.GetValues<JobPriority>()
            where pool.Priorities.Count == 0 || pool.Priorities.Contains(priority)
            select new StageQueue(stage, model, priority).Name,
            all.Where(queue => queues.IsMatch(queue)).OrderBy(queue => pool.Role.Kinds.ToList().IndexOf(queue.Split('.')[2])));
        // The management interface, which also counts the stages that workers hold.
        Assert.Equal("http", (string)trigger["metadata"]!["protocol"]!);
        Assert.Equal("release-rabbitmq-management", (string)trigger["authenticationRef"]!["name"]!);

        static string Name(string text) => text.Split('|') is [var stage, var model, var priority]
            ? new StageQueue(stage, model.Length == 0 ? null : model, Enum.Parse<JobPriority>(priority, ignoreCase: true)).Name
            : throw new ArgumentException(text);
    }

    /// <summary>Source of the address: KEDA, pkg/scalers/rabbitmq_scaler.go.</summary>
    [Fact]
    public async Task RabbitMQ_answers_the_question_that_KEDA_makes_of_the_trigger()
    {
        JsonObject trigger = (await DocumentAsync(Alternatives, "ScaledJob", "batch"))["spec"]!["triggers"]![0]!["metadata"]!.AsObject();
        (RabbitMqServer broker, Uri management) = await RabbitMqServer.StartManagedAsync(Stop);
        await using RabbitMqServer _ = broker;
        await using IConnection connection = await new ConnectionFactory { Uri = broker.Uri }.CreateConnectionAsync(Stop);
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Stop);
        (string Model, JobPriority Priority)[] queues =
            [("sd15", JobPriority.Batch), ("SDXL Base", JobPriority.Batch), ("sd15", JobPriority.Standard), ("other", JobPriority.Batch)];
        foreach ((string model, JobPriority priority) in queues)
        {
            await channel.QueueDeclareAsync(
                new StageQueue("denoise", model, priority).Name, durable: true, exclusive: false, autoDelete: false, cancellationToken: Stop);
        }
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization =
            new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(management.UserInfo)));

        using HttpResponseMessage answer = await http.GetAsync(
            new Uri(
                management,
                $"api/queues/%2F?page=1&use_regex={trigger["useRegex"]}&pagination=false&name={Uri.EscapeDataString((string)trigger["queueName"]!)}"
                    + $"&page_size={trigger["pageSize"]}"),
            Stop);

        string text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal(
            queues[..2].Select(queue => new StageQueue("denoise", queue.Model, queue.Priority).Name).Order(StringComparer.Ordinal),
            JsonNode.Parse(text)!["items"]!.AsArray().Select(queue => (string)queue!["name"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Without_KEDA_the_HPA_reads_the_same_seconds_of_work()
    {
        JsonNode spec = (await DocumentAsync(Alternatives, "HorizontalPodAutoscaler", "denoiser"))["spec"]!;
        Assert.Equal(("Deployment", "release-denoiser"), ((string)spec["scaleTargetRef"]!["kind"]!, (string)spec["scaleTargetRef"]!["name"]!));
        JsonNode external = Assert.Single(spec["metrics"]!.AsArray())!["external"]!;
        // Sixty seconds for each of three slots.
        Assert.Equal("180", (string)external["target"]!["averageValue"]!);
        Assert.Equal(
            ["brownian_worker_role denoiser", "gen_ai_request_model sd15,", "brownian_job_priority standard"],
            external["metric"]!["selector"]!["matchExpressions"]!.AsArray().Select(
                expression => $"{expression!["key"]} {string.Join(',', expression["values"]!.AsArray().Select(value => (string)value!))}"));
        Assert.Null((await DocumentAsync(Alternatives, "Deployment", "denoiser"))["spec"]!["replicas"]);
    }

    [Fact]
    public async Task KEDA_reaches_the_gateways_also_when_their_callers_are_restricted()
    {
        JsonNode policy = await DocumentAsync(Keda, "NetworkPolicy", "gateway");
        Assert.Contains(
            policy["spec"]!["ingress"]!.AsArray(),
            rule => (string)rule!["ports"]![0]!["port"]! == "operator-grpc"
                && (string?)rule["from"]![0]!["namespaceSelector"]!["matchLabels"]!["kubernetes.io/metadata.name"] == "keda");
    }

    [Fact]
    public async Task The_first_replica_of_a_pool_stays_until_it_can_have_announced_its_models()
    {
        JsonNode scaled = await DocumentAsync(Keda, "ScaledObject", "sdxl");
        // KEDA adds the cooldown.
        Assert.Equal(600, (int)scaled["spec"]!["initialCooldownPeriod"]!);
        // While no gateway answers, a pool keeps its replicas, and one at zero stays there.
        Assert.Equal("currentReplicas", (string)scaled["spec"]!["fallback"]!["behavior"]!);
    }

    [Fact]
    public async Task A_pool_without_models_serves_those_of_the_others_or_the_one_that_ships()
    {
        string[] models = [.. ModelsOf(await DocumentAsync(Keda, "Deployment", "vae-decoder"))];
        Assert.Equal(["sdxl", "sd15"], models);
        models = [.. ModelsOf(await DocumentAsync("external.yaml", "Deployment", "denoiser"))];
        Assert.Equal([ModelCatalog.DefaultModel], models);

        static IEnumerable<string> ModelsOf(JsonNode deployment) =>
            deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["env"]!.AsArray()
                .Where(variable => ((string)variable!["name"]!).StartsWith("Platform__Models__", StringComparison.Ordinal))
                .Select(variable => (string)variable!["value"]!);
    }

    [Fact]
    public async Task Prometheus_reads_the_gateways_metrics_also_when_their_callers_are_restricted()
    {
        JsonNode policy = await DocumentAsync(Alternatives, "NetworkPolicy", "gateway");
        Assert.Contains(
            policy["spec"]!["ingress"]!.AsArray(),
            rule => (string)rule!["ports"]![0]!["port"]! == "operator-http"
                && (string?)rule["from"]![0]!["namespaceSelector"]!["matchLabels"]!["kubernetes.io/metadata.name"] == "monitoring");
        Assert.All(policy["spec"]!["ingress"]!.AsArray(), rule => Assert.NotNull(rule!["from"]));
    }

    private async Task<ScaledPool> PoolAsync(string kind, string name) => ScaledPool.Read(
        (await DocumentAsync(Keda, kind, name))["spec"]!["triggers"]![0]!["metadata"]!.AsObject()
            .ToDictionary(setting => setting.Key, setting => (string)setting.Value!));

    private async Task<JsonNode> DocumentAsync(string values, string kind, string name) =>
        (await helm.RenderAsync(values)).Documents.Single(
            document => (string)document!["kind"]! == kind && (string)document["metadata"]!["name"]! == "release-" + name)!;
}
