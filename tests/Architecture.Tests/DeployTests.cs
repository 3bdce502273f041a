using System.Diagnostics;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Tests.Programs;
using YamlDotNet.RepresentationModel;

namespace Brownian.Architecture.Tests;

/// <summary>The deployment files fit the programs and follow the rules of containers.</summary>
public sealed partial class DeployTests
{
    private static readonly (string Image, ServiceRole Role, string Project)[] Services =
    [
        ("gateway", ServiceRole.Gateway, "Gateway"),
        ("text-encoder", ServiceRole.TextEncoder, "TextEncoder"),
        ("denoiser", ServiceRole.Denoiser, "Denoiser"),
        ("vae-decoder", ServiceRole.VaeDecoder, "VaeDecoder"),
    ];

    public static TheoryData<string> Images => [.. Services.Select(service => service.Image)];

    [Theory]
    [InlineData("deploy/compose.yaml")]
    [InlineData("deploy/local/up")]
    [InlineData("services/AppHost/ClusterExtensions.cs")]
    [InlineData("deploy/docker/health")]
    [InlineData("deploy/docker/Dockerfile")]
    public void Every_setting_in_a_deployment_file_exists(string file)
    {
        string[] named = [.. Setting().Matches(Repository.Read(file)).Select(match => match.Groups["name"].Value).Distinct()];
        Assert.NotEmpty(named);
        Assert.Empty(named.Except(typeof(PlatformOptions).GetProperties().Where(property => property.CanWrite).Select(property => property.Name)));
    }

    [Theory]
    [InlineData("up")]
    [InlineData("down")]
    public void A_script_of_the_local_cluster_shows_its_use_and_does_nothing_when_asked_for_help_or_something_unknown(string script)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the scripts are for shells");
        foreach ((string argument, int exitCode) in ((string, int)[])[("--help", 0), ("-h", 0), ("--hlep", 2)])
        {
            using Process process = Process.Start(new ProcessStartInfo(Repository.Combine("deploy", "local", script), [argument])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                // A folder whose use would show.
                Environment = { ["BROWNIAN_LOCAL"] = "/dev/null/never", ["BROWNIAN_PORT"] = "0" },
            })!;
            string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(exitCode, process.ExitCode);
            Assert.Contains($"deploy/local/{script} ", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_dockerfile_has_a_target_for_every_service_and_every_flavour() => Assert.Equal(
        Services.Select(service => service.Image).Append("brownian")
            .Concat(Services.Where(service => service.Role != ServiceRole.Gateway).Select(service => service.Image + "-cuda"))
            .Order(StringComparer.Ordinal),
        Stages().Where(stage => stage.Value.Any(line => line.StartsWith("ENTRYPOINT ", StringComparison.Ordinal))).Select(stage => stage.Key)
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Images))]
    public void A_target_starts_its_service_on_its_ports(string image)
    {
        (_, ServiceRole role, string project) = Services.Single(service => service.Image == image);
        foreach ((string target, string runtime, string published) in (ReadOnlySpan<(string, string, string)>)
            [(image, "runtime", "build /app"), (image + "-cuda", "runtime-cuda", "build-cuda /cuda")])
        {
            if (role == ServiceRole.Gateway && target != image)
            {
                continue;
            }
            string[] expected =
            [
                $"FROM {runtime} AS {target}",
                $"COPY --from={published}/{project} .",
                FormattableString.Invariant(
                    $"ENV Platform__HttpPort={role.HttpPort} Platform__GrpcPort={role.GrpcPort} Platform__OperatorHttpPort={role.OperatorHttpPort}")
                    + (role.OperatorGrpcPort is { } operators ? FormattableString.Invariant($" Platform__OperatorGrpcPort={operators}") : ""),
                FormattableString.Invariant($"EXPOSE {role.HttpPort} {role.GrpcPort} {role.OperatorHttpPort} {role.OperatorGrpcPort}").TrimEnd(),
                $"""ENTRYPOINT ["dotnet", "Brownian.{project}.dll"]""",
            ];
            Assert.Equal(expected, Stages()[target]);
        }
    }

    [Theory]
    [InlineData("runtime")]
    [InlineData("runtime-cuda")]
    public void Images_run_as_an_ordinary_user_with_a_health_check_and_write_nothing(string stage)
    {
        string[] lines = Stages()[stage];
        Assert.Contains("USER 1654:1654", lines);
        Assert.Contains("STOPSIGNAL SIGTERM", lines);
        Assert.Contains(
            lines, line =>
                line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && line.EndsWith("""CMD ["health"]""", StringComparison.Ordinal));
        Assert.All(
            (string[])
            [
                "DOTNET_EnableDiagnostics=0", "HOME=/tmp", "BROWNIAN_MODELS=/models", "Platform__Listen=0.0.0.0", "Platform__Authentication=required",
            ],
            variable => Assert.Contains(variable, string.Join('\n', lines), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("build", "", "Gateway TextEncoder Denoiser VaeDecoder Cli")]
    [InlineData("build-cuda", "-p:Accelerator=cuda ", "TextEncoder Denoiser VaeDecoder")]
    public void A_build_stage_publishes_projects_that_exist(string stage, string flavour, string projects)
    {
        string lines = string.Join('\n', Stages()[stage]);
        Assert.Contains($"for service in {projects}; do", lines, StringComparison.Ordinal);
        Assert.Contains(
            "dotnet publish services/$service/$service.csproj -c Release --os linux --no-self-contained " + flavour, lines, StringComparison.Ordinal);
        Assert.All(projects.Split(' '), project => Assert.True(File.Exists(Repository.Combine("services", project, project + ".csproj")), project));
    }

    [Fact]
    public void Base_images_are_arguments_and_no_stage_is_chosen_by_one()
    {
        // buildah 1.28 does not resolve a variable in the name of a stage.
        string[] bases =
            [.. Stages().Values.Select(lines => lines[0].Split(' ')[1]).Where(name => name.Contains('$', StringComparison.Ordinal)).Distinct()];
        Assert.Equal(["${DOTNET_IMAGES}/sdk:10.0-noble", "${DOTNET_IMAGES}/aspnet:10.0-noble", "${CUDA_IMAGE}"], bases);
    }

    [Fact]
    public void Files_that_the_dockerfile_copies_exist_and_are_not_ignored()
    {
        string[] admitted = [.. File.ReadAllLines(Repository.Combine(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..])];
        Assert.All(admitted, path => Assert.True(Path.Exists(Repository.Combine(path)), path));
        string[] copied =
        [
            .. Stages().Values.SelectMany(lines => lines)
                .Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal))
                .SelectMany(line => line.Split(' ')[1..^1])
        ];
        Assert.Equal([".", "deploy/docker/health", "deploy/docker/create-keys"], copied);
        Assert.Empty(copied[1..].Except(admitted));
        // What the published projects are made of.
        Assert.Empty(
            ((string[])
            [
                "services", "protos", "models", "build", ".editorconfig", "Directory.Build.props", "Directory.Build.targets",
                "Directory.Packages.props", "global.json",
            ]).Except(admitted));
    }

    [Fact]
    public void The_check_of_the_images_knows_every_target()
    {
        string every = Repository.Read("deploy", "docker", "check").Split('\n').Single(line => line.StartsWith("every=(", StringComparison.Ordinal));
        Assert.Equal(
            Stages().Where(stage => stage.Value.Any(line => line.StartsWith("ENTRYPOINT ", StringComparison.Ordinal))).Select(stage => stage.Key)
                .Order(StringComparer.Ordinal),
            every["every=(".Length..^1].Split(' ').Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Both_packages_of_ONNX_Runtime_have_the_same_version()
    {
        string[] pins = [.. Pin().Matches(Repository.Read("Directory.Packages.props")).Select(match => match.Groups["version"].Value)];
        Assert.Equal(2, pins.Length);
        Assert.Single(pins.Distinct());
    }

    [Fact]
    public void Every_composed_service_is_read_only_ends_in_time_and_waits_for_its_servers()
    {
        YamlMappingNode services = Map(Compose(), "services");
        Assert.Equal(
            Services.Select(service => service.Image).Concat(["rabbitmq", "redis", "keys"]).Order(StringComparer.Ordinal),
            services.Children.Keys.Select(Text).Order(StringComparer.Ordinal));
        Assert.Equal("true", Find(services, "keys", "read_only")?.ToString());
        Assert.All(services.Children.Keys.Select(Text).Except(["keys"]), name =>
        {
            Assert.Equal("true", Find(services, name, "read_only")?.ToString());
            Assert.NotNull(Find(services, name, "tmpfs"));
            Assert.NotNull(Find(services, name, "stop_grace_period"));
            // A worker beyond its memory limit exits with 0 and relies on a restart, which "on-failure" does not do.
            Assert.Equal("unless-stopped", Find(services, name, "restart")?.ToString());
        });
        Assert.All((string[])["rabbitmq", "redis"], name => Assert.NotNull(Find(services, name, "healthcheck")));
        foreach ((string image, _, _) in Services)
        {
            YamlMappingNode build = Map(Map(services, image), "build");
            Assert.Equal(("deploy/docker/Dockerfile", image), (Text(build["dockerfile"]), Text(build["target"])));
            var needs = (YamlMappingNode)Find(services, image, "depends_on")!;
            Assert.Equal(
                image == "gateway" ? ["keys", "rabbitmq", "redis"] : ["rabbitmq", "redis"],
                needs.Children.Keys.Select(Text).Order(StringComparer.Ordinal));
            Assert.All(needs.Children, need => Assert.Equal(
                Text(need.Key) == "keys" ? "service_completed_successfully" : "service_healthy", Text(((YamlMappingNode)need.Value)["condition"])));
            var environment = (YamlMappingNode)Find(services, image, "environment")!;
            // Only gateways reach the workers.
            Assert.Equal(image == "gateway" ? null : "none", Find(environment, "Platform__Authentication")?.ToString());
            Assert.Equal(image == "gateway" ? "/keys" : null, Find(environment, "BROWNIAN_SECRETS")?.ToString());
            double drain = double.Parse(Find(environment, "Platform__DrainSeconds")!.ToString()!, System.Globalization.CultureInfo.InvariantCulture);
            double grace =
                double.Parse(Text(Find(services, image, "stop_grace_period")!).TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture);
            // The host waits ten seconds longer than its workers may take.
            Assert.True(grace > drain + 10, $"{image}: {grace} s to end, {drain} s to drain");
        }
    }

    [Fact]
    public void Only_the_gateway_publishes_ports_and_only_on_this_machine()
    {
        YamlMappingNode services = Map(Compose(), "services");
        string name = Text(Assert.Single(services.Children, service => ((YamlMappingNode)service.Value).Children.ContainsKey("ports")).Key);
        Assert.Equal("gateway", name);
        Assert.All((YamlSequenceNode)Map(services, name)["ports"], port => Assert.StartsWith("127.0.0.1:", Text(port), StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_keys_of_the_composition_are_created_once_and_are_settings_of_a_gateway()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            string[] first = await CreateAsync();
            Assert.Equal(
                ["Platform__InitialKey", "Platform__MetricsToken", "Platform__OperatorToken", "Platform__ServiceToken"],
                first.Select(file => file.Split('=')[0]));
            Assert.Equal(first, await CreateAsync());
            var options = new PlatformOptions
            {
                Authentication = PlatformOptions.AuthenticationRequired,
                InitialKey = first[0].Split('=')[1],
                MetricsToken = first[1].Split('=')[1],
                OperatorToken = first[2].Split('=')[1],
            };
            Assert.True(KeyText.TryParse(options.InitialKey, out _));
            Assert.True(options.MetricsToken.Length == 43 && options.OperatorToken.Length == 43);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        async Task<string[]> CreateAsync()
        {
            using Process script = Process.Start(Repository.Combine("deploy", "docker", "create-keys"), folder);
            await script.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, script.ExitCode);
            return
            [
                .. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(file =>
                {
                    Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(file) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
                    return $"{Path.GetFileName(file)}={File.ReadAllText(file).TrimEnd('\n')}";
                }),
            ];
        }
    }

    [Fact]
    public void Redis_is_started_everywhere_with_the_settings_that_keep_every_acknowledged_write()
    {
        string compose = string.Join(' ', ((YamlSequenceNode)Map(Map(Compose(), "services"), "redis")["command"]).Select(Text));
        string appHost = Repository.Read("services/AppHost/ServerExtensions.cs").Replace("\", \"", " ", StringComparison.Ordinal);
        Assert.All((string[])["--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"], setting =>
        {
            Assert.Contains(setting, compose, StringComparison.Ordinal);
            Assert.Contains(setting, Repository.Read("deploy/local/redis"), StringComparison.Ordinal);
            Assert.Contains(setting, appHost, StringComparison.Ordinal);
        });
    }

    /// <summary>The lines of each stage, without comments, by the stage's name.</summary>
    private static Dictionary<string, string[]> Stages()
    {
        var stages = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        List<string>? lines = null;
        foreach (string line in File.ReadAllLines(Repository.Combine("deploy", "docker", "Dockerfile")).Where(line => line.Length > 0
            && line[0] != '#'))
        {
            if (line.StartsWith("FROM ", StringComparison.Ordinal))
            {
                lines = stages[line.Split(' ')[3]] = [];
            }
            lines?.Add(line);
        }
        return stages.ToDictionary(stage => stage.Key, stage => stage.Value.ToArray(), StringComparer.Ordinal);
    }

    private static YamlMappingNode Compose()
    {
        using var reader = new StringReader(Repository.Read("deploy", "compose.yaml"));
        var stream = new YamlStream();
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    private static YamlMappingNode Map(YamlMappingNode node, string name) => (YamlMappingNode)node[name];

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;

    private static YamlNode? Find(YamlMappingNode services, string service, string name) => Find(Map(services, service), name);

    /// <summary>The value of a key in a mapping or in one that is merged into it.</summary>
    private static YamlNode? Find(YamlMappingNode node, string name) =>
        node.Children.TryGetValue(new YamlScalarNode(name), out YamlNode? own) ? own
            : node.Children.TryGetValue(new YamlScalarNode("<<"), out YamlNode? merged) ? Find((YamlMappingNode)merged, name) : null;

    [GeneratedRegex("""Include="Microsoft\.ML\.OnnxRuntime(\.Gpu)?" Version="(?<version>[^"]+)""")]
    private static partial Regex Pin();

    [GeneratedRegex(@"Platform__(?<name>[A-Za-z]+)")]
    private static partial Regex Setting();
}
