using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace Brownian.Program.Tests;

/// <summary>build/sbom: the packages that each program is shipped with.</summary>
public sealed class SbomTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    /// <summary>Packages of tests, benchmarks, analyzers and the cluster for developers; MSTest and NUnit are not used.</summary>
    private static readonly string[] NotShipped =
        ["xunit", "CsCheck", "BenchmarkDotNet", "TngTech", "Microsoft.CodeAnalysis", "Microsoft.Extensions.TimeProvider", "Aspire"];

    private static readonly Dictionary<string, string> Programs = new(StringComparer.Ordinal)
    {
        ["gateway"] = "services/Gateway/Gateway.csproj",
        ["text-encoder"] = "services/TextEncoder/TextEncoder.csproj",
        ["denoiser"] = "services/Denoiser/Denoiser.csproj",
        ["vae-decoder"] = "services/VaeDecoder/VaeDecoder.csproj",
        ["brownian"] = "services/Cli/Cli.csproj",
    };

    [Fact]
    public async Task Every_program_has_a_CycloneDX_file_with_its_packages_and_their_licences()
    {
        using var folder = new TemporaryFolder();
        ProgramResult run = await BrownianProgram.RunAsync(
            new ProgramRun { File = Repository.Combine("build", "sbom"), Arguments = [folder.FullPath], Deadline = Deadline });

        Assert.True(run.ExitCode == 0, run.AllText);
        Dictionary<string, string> versions = Versions();
        Assert.All(Programs, program =>
        {
            JsonObject sbom = JsonNode.Parse(File.ReadAllText(folder.Combine(program.Key + ".cdx.json")))!.AsObject();
            Assert.Equal("CycloneDX", (string?)sbom["bomFormat"]);
            Assert.Equal(program.Key, (string?)sbom["metadata"]!["component"]!["name"]);
            Dictionary<string, JsonObject> packages =
                sbom["components"]!.AsArray().ToDictionary(
                    component => (string)component!["name"]!, component => component!.AsObject(), StringComparer.Ordinal);
            string[] direct = [.. Direct(Repository.Combine(program.Value)).Distinct(StringComparer.Ordinal)];
            Assert.Contains("Google.Protobuf", direct);
            Assert.Equal(
                direct.Select(name => (name, versions[name])),
                direct.Select(name => (name, packages.TryGetValue(name, out JsonObject? package) ? (string)package["version"]! : "missing")));
            Assert.All(packages.Values, package => Assert.True(package["licenses"] is JsonArray { Count: > 0 }, $"{package["name"]} has no licence"));
            Assert.DoesNotContain(packages.Keys, name => NotShipped.Any(word => name.StartsWith(word, StringComparison.OrdinalIgnoreCase)));
        });
    }

    [Fact]
    public void Every_program_of_the_services_is_described() => Assert.Equal(
        Directory.GetFiles(Repository.Combine("services"), "Program.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetFileName(Path.GetDirectoryName(file)!)).Except(["AppHost"]).Order(StringComparer.Ordinal),
        Programs.Values.Select(project => Path.GetFileNameWithoutExtension(project)).Order(StringComparer.Ordinal));

    /// <summary>The packages that a project and the projects below it reference and ship, in a build for CPUs.</summary>
    private static IEnumerable<string> Direct(string project)
    {
        XElement root = XDocument.Load(project).Root!;
        foreach (XElement package in root.Descendants("PackageReference"))
        {
            // A package with a condition is for one kind of device.
            if ((string?)package.Attribute("PrivateAssets") != "all"
                && (string?)package.Attribute("Condition") is null or "'$(Accelerator)' == 'cpu'")
            {
                yield return (string)package.Attribute("Include")!;
            }
        }
        foreach (XElement reference in root.Descendants("ProjectReference"))
        {
            foreach (string name in Direct(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, (string)reference.Attribute("Include")!))))
            {
                yield return name;
            }
        }
    }

    private static Dictionary<string, string> Versions() =>
        XDocument.Load(Repository.Combine("Directory.Packages.props")).Descendants("PackageVersion")
        .ToDictionary(package => (string)package.Attribute("Include")!, package => ((string)package.Attribute("Version")!).Trim('[', ']'),
            StringComparer.Ordinal);
}
