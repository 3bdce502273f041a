using System.Text.Json.Nodes;

namespace Brownian.Chart.Tests;

/// <summary>What the chart renders with <c>tls.enabled</c>.</summary>
public sealed class TlsTests(Helm helm) : IClassFixture<Helm>
{
    [Theory]
    [InlineData("tls.yaml", "release-tls")]
    [InlineData("tls-secret.yaml", "certificates")]
    public async Task Every_service_has_the_certificate_of_the_secret_and_its_probes_use_https(string values, string secret)
    {
        JsonNode[] containers = [.. await ContainersAsync(values)];

        Assert.True(containers.Length >= 4);
        Assert.All(containers, container =>
        {
            Assert.Equal(
                ["/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt"],
                ((string[])["CertificateFile", "CertificateKeyFile", "AuthorityFile"]).Select(name => Variable(container, "Platform__" + name)));
            JsonNode mount = container["volumeMounts"]!.AsArray().Single(mount => (string)mount!["mountPath"]! == "/tls")!;
            Assert.True((bool)mount["readOnly"]!);
            Assert.All(
                (string[])["startupProbe", "readinessProbe", "livenessProbe"],
                probe => Assert.Equal("HTTPS", (string)container[probe]!["httpGet"]!["scheme"]!));
        });
        JsonNode[] pods = [.. (await DocumentsAsync(values)).Select(PodOf).OfType<JsonNode>()];
        Assert.Equal(containers.Length, pods.Length);
        Assert.All(pods, pod => Assert.Equal(
            secret, (string)pod["volumes"]!.AsArray().Single(volume => (string)volume!["name"]! == "tls")!["secret"]!["secretName"]!));
        Assert.All(
            (await OfKindAsync(values, "Service")).SelectMany(service => service["spec"]!["ports"]!.AsArray()),
            port => Assert.Equal("https", (string)port!["appProtocol"]!));
    }

    [Fact]
    public async Task Without_it_nothing_of_it_is_rendered()
    {
        JsonNode[] documents = await DocumentsAsync("external.yaml");

        Assert.DoesNotContain(documents, document => (string)document["kind"]! is "Certificate" or "TriggerAuthentication");
        string all = string.Concat(documents.Select(document => document.ToJsonString()));
        Assert.DoesNotContain("/tls", all, StringComparison.Ordinal);
        Assert.DoesNotContain("https", all, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("http://$(POD_IP):5281", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_certificate_has_the_names_by_which_gateways_know_workers_and_clients_know_gateways()
    {
        JsonNode certificate = Assert.Single(await OfKindAsync("tls.yaml", "Certificate"))["spec"]!;
        string[] names = [.. certificate["dnsNames"]!.AsArray().Select(name => (string)name!)];
        JsonNode[] containers = [.. await ContainersAsync("tls.yaml")];

        Assert.Equal("release-tls", (string)certificate["secretName"]!);
        Assert.Equal("""{"kind":"ClusterIssuer","name":"brownian-ca"}""", certificate["issuerRef"]!.ToJsonString());
        // Gateways present it to workers.
        Assert.Equal(["digital signature", "server auth", "client auth"], certificate["usages"]!.AsArray().Select(use => (string)use!));
        Assert.All(
            (await OfKindAsync("tls.yaml", "Service")).Select(service => (string)service["metadata"]!["name"]!),
            service => Assert.All((string[])[service, service + ".default", service + ".default.svc"], name => Assert.Contains(name, names)));
        Assert.Contains("localhost", names);
        Assert.Contains("brownian.example.org", names);
        JsonNode[] workers = [.. containers.Where(container => (string)container["name"]! != "gateway")];
        Assert.Equal(4, workers.Length);
        Assert.All(workers, worker =>
        {
            Assert.StartsWith("https://$(POD_IP):", Variable(worker, "Platform__Advertise"), StringComparison.Ordinal);
            Assert.Contains(Variable(worker, "Platform__AdvertiseName"), names);
        });
        Assert.Empty(await OfKindAsync("tls-secret.yaml", "Certificate"));
    }

    [Fact]
    public async Task Prometheus_and_KEDA_verify_the_gateways()
    {
        JsonNode endpoint = Assert.Single(Assert.Single(await OfKindAsync("tls.yaml", "ServiceMonitor"))["spec"]!["endpoints"]!.AsArray())!;
        JsonNode certificate = Assert.Single(await OfKindAsync("tls.yaml", "Certificate"));

        Assert.Equal("https", (string)endpoint["scheme"]!);
        Assert.Equal("""{"name":"release-tls","key":"ca.crt"}""", endpoint["tlsConfig"]!["ca"]!["secret"]!.ToJsonString());
        Assert.Contains(
            (string)endpoint["tlsConfig"]!["serverName"]!, certificate["spec"]!["dnsNames"]!.AsArray().Select(name => (string)name!));
        JsonNode ca = Assert.Single(await OfKindAsync("tls.yaml", "TriggerAuthentication"));
        Assert.Equal(
            """[{"parameter":"caCert","name":"release-tls","key":"ca.crt"}]""", ca["spec"]!["secretTargetRef"]!.ToJsonString());
        JsonNode[] triggers =
        [
            .. (await OfKindAsync("tls.yaml", "ScaledObject")).Concat(await OfKindAsync("tls.yaml", "ScaledJob"))
                .Select(scaled => scaled["spec"]!["triggers"]![0]!),
        ];
        Assert.Equal(2, triggers.Length);
        Assert.All(triggers, trigger =>
        {
            Assert.Equal((string)ca["metadata"]!["name"]!, (string)trigger["authenticationRef"]!["name"]!);
            string host = ((string)trigger["metadata"]!["scalerAddress"]!).Split(':')[0];
            Assert.Contains(host, certificate["spec"]!["dnsNames"]!.AsArray().Select(name => (string)name!));
        });
        Assert.Empty(await OfKindAsync("tls-secret.yaml", "TriggerAuthentication"));
    }

    private static JsonNode? PodOf(JsonNode document) =>
        ((string)document["kind"]! == "ScaledJob" ? document["spec"]!["jobTargetRef"] : document["spec"])?["template"]?["spec"];

    private static string? Variable(JsonNode container, string name) =>
        (string?)container["env"]!.AsArray().SingleOrDefault(variable => (string)variable!["name"]! == name)?["value"];

    private async Task<JsonNode[]> DocumentsAsync(string values) => [.. (await helm.RenderAsync(values)).Documents.OfType<JsonNode>()];

    private async Task<JsonNode[]> OfKindAsync(string values, string kind) =>
        [.. (await DocumentsAsync(values)).Where(document => (string)document["kind"]! == kind)];

    private async Task<IEnumerable<JsonNode>> ContainersAsync(string values) =>
        (await DocumentsAsync(values)).Select(PodOf).OfType<JsonNode>().SelectMany(pod => pod["containers"]!.AsArray().OfType<JsonNode>());
}
