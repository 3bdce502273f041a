using System.Text.RegularExpressions;
using Brownian.Tests.Programs;

namespace Brownian.Architecture.Tests;

/// <summary>The page of environment variables.</summary>
public sealed partial class EnvironmentTests
{
    [Fact]
    public void Every_environment_variable_of_the_programs_is_on_the_page_and_no_other()
    {
        string page = File.ReadAllText(Repository.Combine("docs", "environment.md"));
        string[] read =
        [
            .. ((string[])["services", "deploy"]).SelectMany(folder => Directory.EnumerateFiles(
                    Repository.Combine(folder), "*", SearchOption.AllDirectories))
                .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
                .SelectMany(file => Variable().Matches(File.ReadAllText(file)).Select(match => match.Value))
                .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
        ];
        Assert.Contains("BROWNIAN_MODELS", read);
        Assert.Equal(
            read, Variable().Matches(page).Select(match => match.Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("BROWNIAN_[A-Z_]*[A-Z]")]
    private static partial Regex Variable();
}
