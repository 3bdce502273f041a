using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Brownian.Observability.Tests;

/// <summary>Debian's Prometheus with the project's rules, which scrapes and evaluates every second.</summary>
internal sealed class PrometheusServer : PrivateServer
{
    /// <summary>
    /// By how much every duration of the rules is shorter here, so that an alert of ten minutes fires after twenty seconds.
    /// </summary>
    private const int Factor = 30;

    private readonly HttpClient _http = new();
    private readonly IReadOnlyDictionary<string, string> _targets;

    private PrometheusServer(IReadOnlyDictionary<string, string> targets) => _targets = targets;

    /// <summary>The range of rates in panels: several scrapes.</summary>
    public const string Range = "10s";

    protected override string Program => "/usr/bin/prometheus";

    protected override string Package => "prometheus";

    protected override IReadOnlyList<string> Arguments
    {
        get
        {
            File.WriteAllText(Path.Combine(Folder, "rules.yaml"), Expressions.Shorten(Expressions.Rules, Factor));
            File.WriteAllText(Path.Combine(Folder, "prometheus.yaml"), $"""
                global: {"{"}scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s{"}"}
                rule_files: [rules.yaml]
                scrape_configs:
                {string.Join('\n', _targets.Select(target => $"- {{job_name: {target.Key}, static_configs: [{{targets: [\"{target.Value}\"]}}]}}"))}
                """);
            return
            [
                "--config.file=" + Path.Combine(Folder, "prometheus.yaml"), "--storage.tsdb.path=" + Path.Combine(Folder, "data"),
                string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{Port}"),
            ];
        }
    }

    /// <summary>Starts Prometheus.</summary>
    /// <param name="targets">The addresses of the processes by their jobs.</param>
    public static Task<PrometheusServer> StartAsync(IReadOnlyDictionary<string, string> targets) =>
        StartAsync(() => new PrometheusServer(targets), TestContext.Current.CancellationToken);

    /// <summary>Returns whether an expression has data.</summary>
    public async Task<bool> HasDataAsync(string expression) =>
        (await GetAsync("query?query=" + Uri.EscapeDataString(expression)))["data"]!["result"]!.AsArray().Count > 0;

    /// <summary>Returns the names of the alerts that fire.</summary>
    public async Task<IReadOnlyList<string>> FiringAsync() =>
        [
            .. (await GetAsync("alerts"))["data"]!["alerts"]!.AsArray().Where(alert => (string)alert!["state"]! == "firing")
                .Select(alert => (string)alert!["labels"]!["alertname"]!).Distinct(),
        ];

    protected override async Task AskAsync(CancellationToken cancellationToken) =>
        (await _http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}/-/ready"), cancellationToken))
            .EnsureSuccessStatusCode();

    private async Task<JsonNode> GetAsync(string path)
    {
        JsonNode answer = (await _http.GetFromJsonAsync<JsonNode>(
            string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}/api/v1/{path}"), TestContext.Current.CancellationToken))!;
        Assert.Equal("success", (string)answer["status"]!);
        return answer;
    }
}
