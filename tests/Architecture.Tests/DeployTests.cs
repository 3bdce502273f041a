using System.Text.RegularExpressions;
using Brownian.Hosting;
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
    [InlineData("deploy/docker/gateway.Dockerfile")]
    [InlineData("deploy/docker/text-encoder.Dockerfile")]
    [InlineData("deploy/docker/denoiser.Dockerfile")]
    [InlineData("deploy/docker/vae-decoder.Dockerfile")]
    public void Every_setting_in_a_deployment_file_exists(string file)
    {
        string[] named = [.. Setting().Matches(Repository.Read(file)).Select(match => match.Groups["name"].Value).Distinct()];
        Assert.NotEmpty(named);
        Assert.Empty(named.Except(typeof(PlatformOptions).GetProperties().Where(property => property.CanWrite).Select(property => property.Name)));
    }

    [Fact]
    public void Every_service_has_a_dockerfile_and_there_are_no_others() =>
        Assert.Equal(
            Services.Select(service => service.Image + ".Dockerfile").Order(StringComparer.Ordinal),
            Directory.GetFiles(Repository.Combine("deploy", "docker"), "*Dockerfile").Select(file => Path.GetFileName(file))
                .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Images))]
    public void A_dockerfile_builds_and_starts_its_service_on_its_ports_and_not_as_root(string image)
    {
        (_, ServiceRole role, string project) = Services.Single(service => service.Image == image);
        string[] lines = Lines(image);
        string publish = Assert.Single(lines, line => line.StartsWith("RUN dotnet publish ", StringComparison.Ordinal));
        string path = publish.Split(' ')[3];
        Assert.Equal($"services/{project}/{project}.csproj", path);
        Assert.True(File.Exists(Repository.Combine(path)), path);
        Assert.Contains("-c Release", publish, StringComparison.Ordinal);
        Assert.Contains($"""ENTRYPOINT ["dotnet", "Brownian.{project}.dll"]""", lines);
        Assert.Contains(FormattableString.Invariant($"EXPOSE {role.HttpPort} {role.GrpcPort}"), lines);
        Assert.Contains(
            FormattableString.Invariant($"Platform__Listen=0.0.0.0 Platform__HttpPort={role.HttpPort} Platform__GrpcPort={role.GrpcPort}"),
            string.Join('\n', lines), StringComparison.Ordinal);
        Assert.Contains("DOTNET_EnableDiagnostics=0", string.Join('\n', lines), StringComparison.Ordinal);
        Assert.Contains(
            lines, line =>
                line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && line.EndsWith("""CMD ["health"]""", StringComparison.Ordinal));
        string user = lines.Last(line => line.StartsWith("USER ", StringComparison.Ordinal))["USER ".Length..];
        Assert.All(user.Split(':'), id => Assert.True(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture) > 0, user));
        Assert.True(
            Array.FindLastIndex(lines, line => line.StartsWith("FROM ", StringComparison.Ordinal)) < Array.FindLastIndex(
                lines, line => line.StartsWith("USER ", StringComparison.Ordinal)),
            "the last stage names the user");
        Assert.Equal(image != "gateway", lines.Contains("FROM runtime-${ACCELERATOR}"));
    }

    [Theory]
    [MemberData(nameof(Images))]
    public void Files_that_a_dockerfile_copies_exist_and_are_not_ignored(string image)
    {
        string[] included = [.. File.ReadAllLines(Repository.Combine(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..])];
        Assert.All(included, path => Assert.True(Path.Exists(Repository.Combine(path)), path));
        string[] copied =
        [
            .. Lines(image).Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal))
                .Select(line => line.Split(' ')[1])
        ];
        Assert.Equal([".", "deploy/docker/health"], copied);
        Assert.Contains("deploy/docker/health", included);
        // The sources of the published projects.
        Assert.Empty(
            ((string[])["services", "protos", "models", "build", ".editorconfig", "Directory.Build.props", "Directory.Packages.props", "global.json"])
                .Except(included));
    }

    [Fact]
    public void Both_packages_of_ONNX_Runtime_have_the_same_version()
    {
        string[] pins = [.. Pin().Matches(Repository.Read("Directory.Packages.props")).Select(match => match.Groups["version"].Value)];
        Assert.Equal(2, pins.Length);
        Assert.Single(pins.Distinct());
    }

    [Fact]
    public void Dockerfiles_of_workers_differ_only_in_names_and_ports()
    {
        string[] workers = [.. Services.Where(service => service.Image != "gateway").Select(service => string.Join('\n', Lines(service.Image))
            .Replace(service.Image, "IMAGE", StringComparison.Ordinal).Replace(service.Project, "PROJECT", StringComparison.Ordinal)
            .Replace(FormattableString.Invariant($"{service.Role.HttpPort}"), "HTTP", StringComparison.Ordinal)
                .Replace(FormattableString.Invariant($"{service.Role.GrpcPort}"), "GRPC", StringComparison.Ordinal))];
        Assert.Single(workers.Distinct());
    }

    [Fact]
    public void Every_composed_service_is_read_only_ends_in_time_and_waits_for_its_servers()
    {
        YamlMappingNode services = Map(Compose(), "services");
        Assert.Equal(
            Services.Select(service => service.Image).Concat(["rabbitmq", "redis"]).Order(StringComparer.Ordinal),
            services.Children.Keys.Select(Text).Order(StringComparer.Ordinal));
        Assert.All(services.Children.Keys.Select(Text), name =>
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
            Assert.Equal($"deploy/docker/{image}.Dockerfile", Text(Map(Map(services, image), "build")["dockerfile"]));
            var needs = (YamlMappingNode)Find(services, image, "depends_on")!;
            Assert.Equal(["rabbitmq", "redis"], needs.Children.Keys.Select(Text).Order(StringComparer.Ordinal));
            Assert.All(needs.Children.Values, need => Assert.Equal("service_healthy", Text(((YamlMappingNode)need)["condition"])));
            var environment = (YamlMappingNode)Find(services, image, "environment")!;
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

    private static string[] Lines(string image) =>
        [.. File.ReadAllLines(Repository.Combine("deploy", "docker", image + ".Dockerfile")).Where(line => line.Length > 0 && line[0] != '#')];

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
