using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using Brownian.Jobs.Services;
using Microsoft.Extensions.Logging;

namespace Brownian.Observability.Tests;

/// <summary>The rules by promtool, with their real durations.</summary>
public sealed partial class RulesTests
{
    [Fact]
    public async Task The_configuration_and_the_rules_are_valid() =>
        Assert.Contains(
            "SUCCESS",
            await PromtoolAsync("check", "config", "--lint=all", Repository.Combine("deploy", "observability", "prometheus.yaml")),
            StringComparison.Ordinal);

    [Fact]
    public async Task Every_alert_fires_when_it_must_and_does_not_otherwise()
    {
        string file = Repository.Combine("tests", "Observability.Tests", "alerts.test.yaml");
        await PromtoolAsync("test", "rules", file);

        // Of each alert there is a case in which it fires, and one in which it does not.
        string cases = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.All(Expressions.Alerts, alert =>
        {
            Assert.Matches($@"alertname: {alert}\n\s+eval_time: .*\n\s+exp_alerts:\n\s+- exp_labels", cases);
            Assert.Contains($"{{alertname: {alert}, eval_time: 30m}}", cases, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Every_alert_has_a_severity_and_a_page_that_exists()
    {
        string page = Repository.Read("docs", "runbooks.md");
        MatchCollection links = Runbook().Matches(Expressions.Rules);
        Assert.Equal(Expressions.Alerts.Select(alert => alert.ToLowerInvariant()), links.Select(link => link.Groups["anchor"].Value));
        Assert.All(Expressions.Alerts, alert => Assert.Contains($"\n## {alert}\n", page, StringComparison.Ordinal));
        Assert.Equal(Expressions.Alerts.Count, Regex.Count(Expressions.Rules, "labels: {severity: (critical|warning)}"));
    }

    [Fact]
    public void The_log_lines_that_the_runbooks_quote_are_those_of_the_programs()
    {
        string[] lines =
        [
            .. typeof(JobService).Assembly.GetType("Brownian.Jobs.Telemetry.PlatformLog", throwOnError: true)!.GetMethods()
                .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()?.Message).OfType<string>(),
        ];
        string[] quoted = [.. Quoted().Matches(Repository.Read("docs", "runbooks.md")).Select(match => match.Groups["text"].Value)];

        Assert.True(quoted.Length >= 5);
        Assert.All(quoted, text => Assert.Contains(lines, line => line.Contains(text, StringComparison.Ordinal)));
    }

    private static async Task<string> PromtoolAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("/usr/bin/promtool", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process promtool = Process.Start(start)!;
        Task<string> error = promtool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await promtool.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await promtool.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(promtool.ExitCode == 0, output + await error);
        return output + await error;
    }

    [GeneratedRegex("log (has|names what keeps them) *\\(?\"(?<text>[^\"]+)\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"runbook: docs/runbooks\.md#(?<anchor>\w+)")]
    private static partial Regex Runbook();
}
