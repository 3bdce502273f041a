using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.Jobs.Telemetry;
using Brownian.Tests.Programs;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Architecture.Tests;

/// <summary>The tables of <c>docs/operating.md</c> match the classes.</summary>
public sealed partial class OperatingTests
{
    private static readonly string Page = Repository.Read("docs", "operating.md");

    [Fact]
    public void The_table_of_settings_has_exactly_the_settings_with_their_defaults()
    {
        var defaults = new PlatformOptions();
        string[] expected =
        [
            .. typeof(PlatformOptions).GetProperties().Where(property => property.CanWrite)
                .Select(property => $"{property.Name} {Write(property.GetValue(defaults))}".TrimEnd()).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(expected, Rows("## Settings").Select(row => $"{row[0]} {row[1]}".TrimEnd()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_table_of_metrics_has_exactly_the_instruments_with_their_kinds_and_units()
    {
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var instruments = new List<Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == PlatformTelemetry.Name)
            {
                instruments.Add(instrument);
            }
        };
        listener.Start();
        using var telemetry = new PlatformTelemetry(services.GetRequiredService<IMeterFactory>());

        Assert.NotEmpty(instruments);
        Assert.Equal(
            instruments.Select(instrument => $"{instrument.Name} {instrument.GetType().Name.Split('`')[0].ToLowerInvariant()} {instrument.Unit}")
                .Order(StringComparer.Ordinal),
            Rows("## Metrics").Select(row => $"{row[0]} {row[1]} {row[2]}").Order(StringComparer.Ordinal));
    }

    private static string Write(object? value) => value switch
    {
        null or System.Collections.ICollection { Count: 0 } => "",
        bool yes => yes ? "true" : "false",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    /// <summary>The cells of the first table below a heading, without the quotes of code.</summary>
    private static IEnumerable<string[]> Rows(string heading)
    {
        string section = Page[Page.IndexOf("\n" + heading + "\n", StringComparison.Ordinal)..];
        return Row().Matches(
            section[..(section.IndexOf("\n## ", heading.Length, StringComparison.Ordinal) is var end and > 0 ? end : section.Length)])
            .Select(match => match.Groups["cells"].Value.Split(" | ").Select(cell => cell.Trim().Trim('`')).ToArray());
    }

    [GeneratedRegex(@"^\| (?<cells>`.*) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
