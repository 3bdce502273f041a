using System.Diagnostics;
using System.Text.RegularExpressions;

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

    [GeneratedRegex(@"runbook: docs/runbooks\.md#(?<anchor>\w+)")]
    private static partial Regex Runbook();
}
