using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.Jobs.Access;

namespace Brownian.Chart.Tests;

/// <summary>The Helm chart renders valid manifests that run the services as their settings and images require.</summary>
public sealed partial class ChartTests(Helm helm) : IClassFixture<Helm>
{
    /// <summary>The settings that the chart neither sets nor offers, with the reason.</summary>
    private static readonly Dictionary<string, string> WithoutChart = new(StringComparer.Ordinal)
    {
        ["DataFolder"] = "a cluster has no folder of its own",
        ["Ephemeral"] = "as DataFolder",
        ["Device"] = "the chart sets Devices",
        ["HttpPort"] = "the images set the ports",
        ["GrpcPort"] = "as HttpPort",
        ["OperatorHttpPort"] = "as HttpPort",
        ["OperatorGrpcPort"] = "as HttpPort",
        ["ModelFolders"] = "the chart sets BROWNIAN_MODELS",
    };

    /// <summary>The files of values.</summary>
    public static TheoryData<string> Values => [.. Helm.Values];

    [Theory]
    [MemberData(nameof(Values))]
    public async Task A_combination_of_values_passes_lint_and_renders_valid_manifests(string values)
    {
        (int exitCode, string output, string error) =
            await helm.RunHelmAsync("lint", "--strict", Helm.Chart, "-f", Path.Combine(Helm.Chart, "ci", values));
        Assert.True(exitCode == 0, output + error);

        (JsonArray documents, string[] faults) = await helm.RenderAsync(values);

        Assert.Empty(faults);
        Assert.InRange(documents.Count, 10, 100);
    }

    [Fact]
    public async Task Unknown_properties_and_kinds_of_manifests_are_found()
    {
        JsonNode checkedManifests = await helm.ValidateAsync(
            """
            {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selectors: {a: b}, ports: [{port: http}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {selectors: {a: b}, ports: [{port: 80, prot: TCP}]}}
            ---
            {apiVersion: v1, kind: Servis, metadata: {name: c}}
            """);

        string[] faults = [.. checkedManifests["faults"]!.AsArray().Select(fault => (string)fault!)];
        Assert.Contains(faults, fault => fault.StartsWith("Service a: ", StringComparison.Ordinal));
        Assert.Contains("Service b/spec/selectors: is unknown", faults);
        Assert.Contains("Service b/spec/ports/0/prot: is unknown", faults);
        Assert.Contains("Servis c: v1 has no Servis", faults);
    }

    [Theory]
    [InlineData("settingz.slots=2", "additional properties 'settingz' not allowed")]
    [InlineData("settings.slotz=2", "additional properties 'slotz' not allowed")]
    [InlineData("settings.slots=many", "got string, want integer")]
    [InlineData("settings.redis=host", "additional properties 'redis' not allowed")]
    [InlineData("pools.denoiser.role=painter", "value must be one of 'text-encoder', 'denoiser', 'vae-decoder'")]
    [InlineData("pools.more.replicas=2", "missing property 'role'")]
    [InlineData("pools.denoiser.priorities={urgent}", "value must be one of 'interactive', 'standard', 'batch'")]
    [InlineData("redis.existingSecret=", "redis.existingSecret is missing; allowed: the name of a secret with the address, or redis.trial=true")]
    [InlineData("redis.trial=true", "redis.existingSecret cannot be given with redis.trial")]
    [InlineData("pools.gateway.role=denoiser", "pools.gateway: the name is that of another part of the chart")]
    [InlineData("gatewayApi.enabled=true,gatewayApi.httpHostnames={a},gatewayApi.grpcHostnames={b}", "gatewayApi.parentRefs is missing")]
    [InlineData("pools.denoiser.autoscaling.type=vpa", "value must be one of 'none', 'keda', 'rabbitmq', 'hpa'")]
    [InlineData("pools.denoiser.autoscaling.target=5", "additional properties 'target' not allowed")]
    [InlineData("pools.denoiser.autoscaling.minReplicas=9", "pools.denoiser.autoscaling.minReplicas is 9; allowed: 0..8 (maxReplicas)")]
    [InlineData("pools.denoiser.autoscaling.type=hpa", "pools.denoiser.autoscaling.minReplicas is 0; allowed with type hpa: 1 and more")]
    [InlineData(
        "pools.batch.role=denoiser,pools.batch.drain=true,pools.batch.podDeletionCost=true",
        "pools.batch.podDeletionCost is true; allowed with drain: false")]
    [InlineData("pools.batch.role=denoiser,pools.batch.drain=true,pools.batch.autoscaling.minReplicas=2", "allowed with drain: 0")]
    [InlineData("pools.denoiser.priorities={batch}", "no pool of the role denoiser takes jobs of the class interactive")]
    [InlineData("pools.vae-decoder.priorities={standard}", "no pool of the role vae-decoder takes jobs of the class interactive")]
    [InlineData(
        "pools.denoiser.autoscaling.type=hpa,pools.denoiser.autoscaling.minReplicas=1,pools.denoiser.models={a/b}",
        "pools.denoiser.models: \"a/b\"")]
    [InlineData("pools.denoiser.settings.leaseSeconds=5", "pools.denoiser.settings.leaseSeconds: all services have the same")]
    [InlineData("pools.a-.role=denoiser", "'a-' does not match pattern")]
    [InlineData("pools.gateway-pods.role=denoiser", "pools.gateway-pods: the name is that of another part of the chart")]
    [InlineData("pools.denoiser.spotKey=", "minLength: got 0, want 1")]
    [InlineData("pools.denoiser.models[0]=a\\,b", "does not match pattern")]
    [InlineData("settings.slots=0", "minimum: got 0, want 1")]
    [InlineData("networkPolicy.externalPorts=[]", "minItems: got 0, want 1")]
    [InlineData("environment.Platform__Redis=x", "environment.Platform__Redis: settings of the services are set by settings")]
    [InlineData("gateway.replicas=1", "gateway.minAvailable is 1; allowed: less than gateway.replicas (1)")]
    [InlineData("gatewayApi.enabled=true,gatewayApi.parentRefs[0].name=a", "gatewayApi.httpHostnames and grpcHostnames are required")]
    [InlineData("pools.denoiser.autoscaling.type=rabbitmq", "keda.rabbitmqSecret is missing")]
    [InlineData("tls.enabled=true", "tls.existingSecret is missing; allowed: the name of a secret with tls.crt, tls.key and ca.crt")]
    [InlineData("tls.existingSecret=a", "tls.enabled is false")]
    [InlineData("tls.certManager.issuerRef.name=a", "tls.enabled is false")]
    [InlineData(
        "tls.enabled=true,tls.existingSecret=a,tls.certManager.issuerRef.name=b",
        "tls.existingSecret cannot be given with tls.certManager.issuerRef")]
    [InlineData("tls.enabled=true,tls.existingSecret=a,ingress.enabled=true,ingress.grpcHost=b", "allowed with tls.enabled: GRPCS")]
    [InlineData("pools.tls.role=denoiser", "pools.tls: the name is that of another part of the chart")]
    [InlineData("tls.certManager.duration=90d", "does not match pattern")]
    public async Task A_value_that_is_not_allowed_is_refused_with_its_name(string set, string says)
    {
        string option = set.EndsWith("[]", StringComparison.Ordinal) ? "--set-json" : "--set";
        (int exitCode, _, string error) =
            await helm.RunHelmAsync("template", "release", Helm.Chart, "-f", Path.Combine(Helm.Chart, "ci", "external.yaml"), option, set);

        Assert.NotEqual(0, exitCode);
        Assert.Contains(says, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_setting_of_the_programs_can_be_reached_and_no_other_is_set()
    {
        PropertyInfo[] options = [.. typeof(PlatformOptions).GetProperties().Where(property => property.SetMethod is { IsPublic: true })];
        JsonObject schema = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Helm.Chart, "values.schema.json"), Stop))!.AsObject();
        JsonObject settings = schema["$defs"]!["settings"]!["properties"]!.AsObject();
        var set = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string values in Helm.Values)
        {
            foreach (JsonNode variable in (await helm.RenderAsync(values)).Documents.SelectMany(ContainersOf).SelectMany(VariablesOf))
            {
                if (Setting().Match((string)variable["name"]!) is { Success: true } match)
                {
                    set.Add(match.Groups["name"].Value);
                }
            }
        }

        Assert.Empty(set.Except(options.Select(option => option.Name)));
        Assert.Equal(
            options.Select(option => option.Name).Order(StringComparer.Ordinal),
            settings.Select(setting => char.ToUpperInvariant(setting.Key[0]) + setting.Key[1..]).Union(set).Union(WithoutChart.Keys)
                .Order(StringComparer.Ordinal));
        Assert.Empty(WithoutChart.Keys.Intersect(set));
        Assert.All(settings, setting =>
        {
            Type type = options.Single(option => option.Name.Equals(setting.Key, StringComparison.OrdinalIgnoreCase)).PropertyType;
            Assert.Equal(JsonTypeOf(Nullable.GetUnderlyingType(type) ?? type), (string)setting.Value!["type"]!);
        });
    }

    [Fact]
    public async Task Settings_are_rendered_in_the_form_that_the_programs_read()
    {
        JsonNode gateway = await ContainerAsync("gateway-api.yaml", "gateway"), pool = await ContainerAsync("gpu-pools.yaml", "sdxl");

        Assert.Equal("100000", Value(gateway, "Platform__MaxJobs"));
        Assert.Equal("https://studio.example.org", Value(gateway, "Platform__Origins__0"));
        Assert.Equal("sdxl", Value(gateway, "Platform__OpenAiModels__gpt-image-1"));
        Assert.Equal("hooks.example.org", Value(gateway, "Platform__CallbackHosts__0"));
        Assert.Equal("2", Value(pool, "Platform__Slots"));
        Assert.Equal(["cuda:0", "cuda:1"], [Value(pool, "Platform__Devices__0"), Value(pool, "Platform__Devices__1")]);
        Assert.Equal(["sdxl", "sd15"], [Value(pool, "Platform__Models__0"), Value(pool, "Platform__Models__1")]);
        Assert.Equal("2", (string)pool["resources"]!["limits"]!["nvidia.com/gpu"]!);
        Assert.EndsWith("/denoiser-cuda:" + Version(), (string)pool["image"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pool_of_batch_jobs_drains_its_queues_as_a_Job()
    {
        JsonNode job = (await helm.RenderAsync("gpu-pools.yaml")).Documents.Single(document => (string)document!["kind"]! == "Job")!;
        JsonNode container = ContainersOf(job).Single();

        Assert.Equal(("true", "batch"), (Value(container, "Platform__Drain"), Value(container, "Platform__Priorities__0")));
        Assert.Equal("Never", (string)job["spec"]!["template"]!["spec"]!["restartPolicy"]!);
    }

    [Theory]
    [MemberData(nameof(Values))]
    public async Task Every_pod_runs_without_root_and_token_on_a_read_only_file_system_and_is_bounded(string values)
    {
        JsonNode[] workloads = [.. (await helm.RenderAsync(values)).Documents.OfType<JsonNode>().Where(document => PodOf(document) is not null)];
        Assert.True(workloads.Length >= 3);
        Assert.All(workloads, workload =>
        {
            JsonNode pod = PodOf(workload)!;
            Assert.True((bool)pod["securityContext"]!["runAsNonRoot"]!);
            Assert.NotEqual(0, (int)pod["securityContext"]!["runAsUser"]!);
            Assert.Equal("RuntimeDefault", (string)pod["securityContext"]!["seccompProfile"]!["type"]!);
            Assert.False((bool)pod["automountServiceAccountToken"]!);
            Assert.All(ContainersOf(workload).Concat(pod["initContainers"]?.AsArray().OfType<JsonNode>() ?? []), container =>
            {
                JsonNode security = container["securityContext"]!;
                Assert.True((bool)security["readOnlyRootFilesystem"]!);
                Assert.False((bool)security["allowPrivilegeEscalation"]!);
                Assert.Equal("ALL", (string)security["capabilities"]!["drop"]![0]!);
                Assert.NotNull(container["resources"]!["limits"]!["memory"]);
                Assert.NotNull(container["resources"]!["requests"]!["cpu"]);
                Assert.Contains(container["volumeMounts"]!.AsArray(), mount => (string)mount!["mountPath"]! == "/tmp");
            });
            Assert.All(ContainersOf(workload), container =>
                Assert.All((string[])["startupProbe", "readinessProbe", "livenessProbe"], probe => Assert.NotNull(container[probe])));
        });
    }

    [Fact]
    public async Task Only_the_workers_of_a_pool_with_deletion_costs_have_a_token_which_may_only_patch_pods()
    {
        JsonNode[] documents = [.. (await helm.RenderAsync("gpu-pools.yaml")).Documents.OfType<JsonNode>()];
        JsonNode[] withToken =
        [
            .. documents.Where(
                document => PodOf(document)?["volumes"]?.AsArray().Any(volume => volume!["projected"] is not null) == true),
        ];
        JsonNode deployment = Assert.Single(withToken);
        Assert.Equal("release-sdxl", (string)deployment["metadata"]!["name"]!);
        Assert.Equal("release-pods", (string)PodOf(deployment)!["serviceAccountName"]!);
        JsonNode container = Assert.Single(ContainersOf(deployment));
        Assert.Contains(
            container["volumeMounts"]!.AsArray(), mount => (string)mount!["mountPath"]! == "/var/run/secrets/kubernetes.io/serviceaccount");
        Assert.Equal(
            "metadata.name",
            (string)VariablesOf(container).Single(variable => (string)variable["name"]! == "Platform__DeletionCostPod")
                ["valueFrom"]!["fieldRef"]!["fieldPath"]!);

        JsonNode rule = Assert.Single(Assert.Single(documents, document => (string)document["kind"]! == "Role")["rules"]!.AsArray())!;
        Assert.Equal("""{"apiGroups":[""],"resources":["pods"],"verbs":["patch"]}""", rule.ToJsonString());
        JsonNode binding = Assert.Single(documents, document => (string)document["kind"]! == "RoleBinding");
        Assert.Equal("release-pods", (string)Assert.Single(binding["subjects"]!.AsArray())!["name"]!);

        JsonNode policy = Assert.Single(documents, document => (string)document["metadata"]!["name"]! == "release-api-server");
        Assert.Equal(["443/TCP", "6443/TCP"], PortsOf(Assert.Single(policy["spec"]!["egress"]!.AsArray())!));
        Assert.Contains(
            policy["spec"]!["podSelector"]!["matchExpressions"]!.AsArray(),
            expression => (string)expression!["key"]! == "app.kubernetes.io/component" && expression["values"]!.ToJsonString() == """["sdxl"]""");

        Assert.DoesNotContain(
            (await helm.RenderAsync("trial.yaml")).Documents, document => (string)document!["kind"]! is "Role" or "RoleBinding");
    }

    [Fact]
    public async Task A_pod_may_take_longer_to_end_than_its_drain()
    {
        JsonNode[] services =
            [.. (await helm.RenderAsync("external.yaml")).Documents.OfType<JsonNode>().Where(document => (string)document["kind"]! == "Deployment")];

        Assert.Equal(4, services.Length);
        Assert.All(services, service =>
        {
            int drain = int.Parse(Value(ContainersOf(service).Single(), "Platform__DrainSeconds"), CultureInfo.InvariantCulture);
            Assert.Equal(60, drain);
            Assert.True((int)PodOf(service)!["terminationGracePeriodSeconds"]! >= drain + 20);
        });
        Assert.Equal(
            [new PlatformOptions().DrainSeconds + 25, new PlatformOptions().DrainSeconds + 30],
            (await helm.RenderAsync("trial.yaml")).Documents.Where(document => (string)document!["kind"]! == "Deployment")
                .Select(document => (double)PodOf(document!)!["terminationGracePeriodSeconds"]!).Distinct().Order());
        // A gateway answers for five seconds more, until nothing is sent to it.
        Assert.Equal(
            """["sleep","5"]""",
            (await ContainerAsync("trial.yaml", "gateway"))["lifecycle"]!["preStop"]!["exec"]!["command"]!.ToJsonString());
    }

    [Fact]
    public async Task Names_that_are_too_long_are_cut_and_stay_different()
    {
        string release = new('r', 51);
        (int exitCode, string output, string error) = await helm.RunHelmAsync(
            "template", release, Helm.Chart, "-f", Path.Combine(Helm.Chart, "ci", "trial.yaml"),
            "--set", "pools.denoiser-sdxl.role=denoiser,pools.denoiser-sd15.role=denoiser");

        Assert.True(exitCode == 0, error);
        string[] names = [.. Regex.Matches(output, "kind: Deployment\nmetadata:\n  name: (.*)").Select(match => match.Groups[1].Value)];
        Assert.Equal(6, names.Distinct().Count());
        Assert.All(names, name => Assert.InRange(name.Length, 1, 63));
    }

    [Theory]
    [MemberData(nameof(Values))]
    public async Task Secrets_are_named_and_only_trial_servers_have_one_of_the_chart(string values)
    {
        JsonArray documents = (await helm.RenderAsync(values)).Documents;
        string[] own =
        [
            .. documents.OfType<JsonNode>().Where(document => (string)document["kind"]! == "Secret")
                .Select(document => (string)document["metadata"]!["name"]!),
        ];

        Assert.All(documents.SelectMany(ContainersOf).SelectMany(VariablesOf), variable =>
        {
            if ((string)variable["name"]! is "Platform__RabbitMq" or "Platform__Redis" or "Platform__CacheRedis" or "Platform__OperatorToken"
                or "Platform__MetricsToken" or "Platform__ServiceToken" or "Platform__InitialKey")
            {
                Assert.Null(variable["value"]);
                Assert.NotEqual("", (string)variable["valueFrom"]!["secretKeyRef"]!["name"]!);
            }
        });
        string[] servers = values == "trial.yaml" ? ["release-rabbitmq", "release-redis"] : values == "ingress.yaml" ? ["release-redis"] : [];
        Assert.Equal([.. values == "external.yaml" ? (string[])[] : ["release-keys"], .. servers], own.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Gateways_require_credentials_and_the_chart_creates_the_first_key_and_the_tokens()
    {
        JsonNode[] documents = [.. (await helm.RenderAsync("trial.yaml")).Documents.OfType<JsonNode>()];
        JsonNode secret = documents.Single(document => (string?)document["metadata"]!["name"] == "release-keys");
        Assert.True(KeyText.TryParse((string)secret["stringData"]!["api-key"]!, out _));
        Assert.All(
            (string[])["operator-token", "metrics-token", "service-token"], name => Assert.Equal(43, ((string)secret["stringData"]![name]!).Length));
        foreach (JsonNode document in documents.Where(document => ContainersOf(document).Any()))
        {
            string name = (string)document["metadata"]!["name"]!;
            var variables = ContainersOf(document).SelectMany(VariablesOf).Where(variable => ((string)variable["name"]!).StartsWith(
                "Platform__", StringComparison.Ordinal)).DistinctBy(variable => (string)variable["name"]!)
                .ToDictionary(variable => (string)variable["name"]!, StringComparer.Ordinal);
            if (variables.Count == 0)
            {
                continue;
            }
            bool isGateway = name == "release-gateway";
            Assert.Equal("required", (string)variables["Platform__Authentication"]["value"]!);
            Assert.Equal("service-token", (string)variables["Platform__ServiceToken"]["valueFrom"]!["secretKeyRef"]!["key"]!);
            Assert.Equal(isGateway, variables.ContainsKey("Platform__InitialKey"));
            Assert.Equal(isGateway, variables.ContainsKey("Platform__OperatorToken"));
            Assert.Equal(
                "release-keys metrics-token",
                $"{variables["Platform__MetricsToken"]["valueFrom"]!["secretKeyRef"]!["name"]} "
                    + $"{variables["Platform__MetricsToken"]["valueFrom"]!["secretKeyRef"]!["key"]}");
        }
    }

    [Fact]
    public async Task Network_policies_allow_only_the_declared_flows()
    {
        JsonNode[] policies =
        [
            .. (await helm.RenderAsync("trial.yaml")).Documents.OfType<JsonNode>().Where(document => (string)document["kind"]! == "NetworkPolicy"),
        ];
        JsonNode[] ingress = [.. policies.Where(policy => policy["spec"]!["ingress"] is not null)];

        Assert.Equal(
            [
                "release-denoiser-calls", "release-gateway", "release-rabbitmq", "release-redis", "release-text-encoder-calls",
                "release-vae-decoder-calls",
            ],
            ingress.Select(policy => (string)policy["metadata"]!["name"]!).Order(StringComparer.Ordinal));
        JsonNode deny = policies.Single(policy => (string)policy["metadata"]!["name"]! == "release-default-deny");
        Assert.Equal("""["Ingress","Egress"]""", deny["spec"]!["policyTypes"]!.ToJsonString());
        Assert.Null(deny["spec"]!["ingress"]);
        // What the parts need of each other.
        JsonNode[] flows = [.. policies.SelectMany(policy => policy["spec"]!["egress"]?.AsArray().OfType<JsonNode>() ?? [])];
        Assert.Contains(flows, flow => PortsOf(flow).SequenceEqual(["53/UDP", "53/TCP"]) && flow["to"] is null);
        Assert.Contains(flows, flow => PortsOf(flow).Contains("4317/TCP"));
        Assert.All(
            (KeyValuePair<string, int>[])[new("text-encoder", 5181), new("denoiser", 5281), new("vae-decoder", 5381)],
            role => Assert.Contains(
                policies.Single(policy => (string)policy["metadata"]!["name"]! == "release-gateway")["spec"]!["egress"]!.AsArray(),
                flow => PortsOf(flow!).SequenceEqual([$"{role.Value}/TCP"])
                    && (string?)flow!["to"]![0]!["podSelector"]!["matchLabels"]!["brownian.role"] == role.Key));
        Assert.All((string[])["redis", "rabbitmq"], server =>
        {
            JsonNode rule = Assert.Single(
                policies.Single(policy => (string)policy["metadata"]!["name"]! == "release-" + server)["spec"]!["ingress"]!.AsArray())!;
            Assert.Equal(
                """{"app.kubernetes.io/instance":"release","app.kubernetes.io/name":"brownian"}""",
                rule["from"]![0]!["podSelector"]!["matchLabels"]!.ToJsonString());
        });
        // Workers accept calls of gateways alone, on the port of gRPC alone.
        Assert.All(ingress.Where(policy => ((string)policy["metadata"]!["name"]!).EndsWith("-calls", StringComparison.Ordinal)), policy =>
        {
            JsonNode rule = Assert.Single(policy["spec"]!["ingress"]!.AsArray())!;
            Assert.Equal("grpc", (string)rule["ports"]![0]!["port"]!);
            Assert.Equal("gateway", (string)rule["from"]![0]!["podSelector"]!["matchLabels"]!["app.kubernetes.io/component"]!);
        });
    }

    [Fact]
    public async Task A_pod_reaches_the_trial_servers_also_when_external_peers_are_restricted()
    {
        JsonNode egress = (await helm.RenderAsync("ingress.yaml")).Documents.Single(
            document => (string)document!["kind"]! == "NetworkPolicy" && (string)document["metadata"]!["name"]! == "release-egress")!;

        Assert.Contains(
            egress["spec"]!["egress"]!.AsArray(),
            rule => (int)rule!["ports"]![0]!["port"]! == 6379
                && (string?)rule["to"]?[0]?["podSelector"]?["matchLabels"]?["app.kubernetes.io/component"] == "redis");
    }

    [Fact]
    public async Task The_ingresses_lead_to_the_ports_of_the_JSON_and_the_gRPC_interface()
    {
        JsonNode[] ingresses =
            [.. (await helm.RenderAsync("ingress.yaml")).Documents.OfType<JsonNode>().Where(document => (string)document["kind"]! == "Ingress")];

        Assert.Equal(
            ["images.example.org release-gateway http", "grpc.example.org release-gateway grpc"],
            ingresses.Select(ingress =>
            {
                JsonNode rule = Assert.Single(ingress["spec"]!["rules"]!.AsArray())!;
                JsonNode service = rule["http"]!["paths"]![0]!["backend"]!["service"]!;
                return $"{rule["host"]} {service["name"]} {service["port"]!["name"]}";
            }));
        Assert.Equal("GRPC", (string)ingresses[1]["metadata"]!["annotations"]!["nginx.ingress.kubernetes.io/backend-protocol"]!);
    }

    [Fact]
    public async Task A_service_monitor_selects_each_pod_once()
    {
        JsonArray documents = (await helm.RenderAsync("ingress.yaml")).Documents;
        JsonNode[] selected =
        [
            .. documents.OfType<JsonNode>().Where(
                document => (string)document["kind"]! == "Service" && document["metadata"]!["labels"]!["brownian.role"] is not null),
        ];

        Assert.Equal(
            ["denoiser", "gateway", "text-encoder", "vae-decoder"],
            selected.Select(service => (string)service["spec"]!["selector"]!["app.kubernetes.io/component"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_rules_and_dashboards_of_the_chart_are_its_files()
    {
        JsonArray documents = (await helm.RenderAsync("external.yaml")).Documents;
        JsonNode rules = documents.Single(document => (string)document!["kind"]! == "PrometheusRule")!;
        string file = await File.ReadAllTextAsync(Path.Combine(Helm.Chart, "files", "rules.yaml"), Stop);
        Assert.Equal(
            Regex.Count(file, "- (record|alert): "), rules["spec"]!["groups"]!.AsArray().Sum(group => group!["rules"]!.AsArray().Count));
        Assert.Equal("monitoring", (string)rules["metadata"]!["labels"]!["release"]!);

        JsonNode[] maps = [.. documents.OfType<JsonNode>().Where(document => document["metadata"]!["labels"]!["grafana_dashboard"] is not null)];
        Assert.Equal(
            Directory.GetFiles(Path.Combine(Helm.Chart, "files", "dashboards")).Select(path => "brownian-" + Path.GetFileName(path))
                .Order(StringComparer.Ordinal),
            maps.SelectMany(map => map["data"]!.AsObject().Select(data => data.Key)).Order(StringComparer.Ordinal));
        Assert.All(maps, map => Assert.NotEmpty(JsonNode.Parse((string)map["data"]!.AsObject().Single().Value!)!["panels"]!.AsArray()));
    }

    [Fact]
    public async Task The_chart_is_packed_with_the_version_of_the_programs()
    {
        (int exitCode, string output, string error) = await helm.RunHelmAsync("package", Helm.Chart, "--destination", helm.Combine("packages"));

        Assert.True(exitCode == 0, output + error);
        Assert.True(File.Exists(helm.Combine($"packages/brownian-{Version()}.tgz")), output);
    }

    /// <summary>With <c>BROWNIAN_WRITE_README=1</c> the test writes the page.</summary>
    [Fact]
    public async Task The_readme_has_every_value_with_its_comment()
    {
        string file = Path.Combine(Helm.Chart, "README.md");
        string page = ChartReadme.Write(await File.ReadAllLinesAsync(Path.Combine(Helm.Chart, "values.yaml"), Stop));
        if (Environment.GetEnvironmentVariable("BROWNIAN_WRITE_README") is { Length: > 0 })
        {
            await File.WriteAllTextAsync(file, page, Stop);
        }

        Assert.Equal(page, await File.ReadAllTextAsync(file, Stop));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Version() => typeof(PlatformOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
        .InformationalVersion.Split('+')[0];

    private async Task<JsonNode> ContainerAsync(string values, string component) => ContainersOf(
        (await helm.RenderAsync(values)).Documents.Single(
            document => PodOf(document!) is not null && (string)document!["metadata"]!["name"]! == "release-" + component)).Single();

    private static JsonNode? PodOf(JsonNode document) =>
        (string)document["kind"]! switch
        {
            "Deployment" or "StatefulSet" or "Job" => document["spec"]!["template"]!["spec"],
            "ScaledJob" => document["spec"]!["jobTargetRef"]!["template"]!["spec"],
            _ => null,
        };

    private static IEnumerable<JsonNode> ContainersOf(JsonNode? document) =>
        PodOf(document!) is { } pod ? pod["containers"]!.AsArray().OfType<JsonNode>() : [];

    private static IEnumerable<string> PortsOf(JsonNode flow) =>
        flow["ports"]!.AsArray().Select(port => $"{port!["port"]}/{port["protocol"]}");

    private static IEnumerable<JsonNode> VariablesOf(JsonNode container) => container["env"]?.AsArray().OfType<JsonNode>() ?? [];

    private static string Value(JsonNode container, string name) =>
        (string)VariablesOf(container).Single(variable => (string)variable["name"]! == name)["value"]!;

    private static string JsonTypeOf(Type type) =>
        type == typeof(string) ? "string" : type == typeof(bool) ? "boolean" : type == typeof(double) ? "number"
        : type == typeof(string[]) ? "array" : type == typeof(Dictionary<string, string>) ? "object" : "integer";

    [GeneratedRegex("^Platform__(?<name>[A-Za-z]+)(__[-.A-Za-z0-9]+)?$")]
    private static partial Regex Setting();
}
