using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Xml.Linq;

namespace Brownian.Packages.Tests;

/// <summary>The packages of the .NET tool.</summary>
/// <param name="packages">What build/publish made.</param>
public sealed class ToolTests(PublishedPackages packages)
{
    private static readonly string[] Runtimes = ["linux-x64", "linux-arm64", "osx-arm64", "win-x64"];

    public static TheoryData<string> EveryRuntime => [.. Runtimes];

    [Theory]
    [MemberData(nameof(EveryRuntime))]
    public void A_package_of_the_tool_holds_the_program_the_native_libraries_and_the_model(string runtime)
    {
        string folder = $"tools/net10.0/{runtime}/";
        Dictionary<string, byte[]> files = ReadZip(packages.Find($"Brownian.{runtime}.{{0}}.nupkg"))
            .Where(file => file.Key.StartsWith(folder, StringComparison.Ordinal)).ToDictionary(file => file.Key[folder.Length..], file => file.Value);
        Platform.Of(runtime).AssertComplete(files, runtime: false);
    }

    [Fact]
    public void The_package_that_is_asked_for_names_the_package_of_every_platform()
    {
        Dictionary<string, byte[]> files = ReadZip(packages.Find("Brownian.{0}.nupkg"));
        byte[] file = files.Single(file => file.Key.EndsWith("DotnetToolSettings.xml", StringComparison.Ordinal)).Value;
        XDocument settings = XDocument.Load(new MemoryStream(file));
        Assert.Equal("brownian", (string?)settings.Descendants("Command").Single().Attribute("Name"));
        Assert.Equal(
            Runtimes.Select(runtime => ($"Brownian.{runtime}", runtime)).Order(),
            settings.Descendants("RuntimeIdentifierPackage")
                .Select(package => ((string?)package.Attribute("Id") ?? "", (string?)package.Attribute("RuntimeIdentifier") ?? "")).Order());
    }

    [Fact]
    public async Task The_tool_is_installed_from_a_folder_and_draws_the_image_of_the_build()
    {
        Assert.SkipUnless(Runtimes.Contains(RuntimeInformation.RuntimeIdentifier), $"there is no package for {RuntimeInformation.RuntimeIdentifier}");
        using var home = new TemporaryFolder();
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = home.FullPath,
            ["DOTNET_CLI_HOME"] = home.FullPath,
            ["NUGET_PACKAGES"] = home.Combine("packages"),
        };
        // No other source is asked: the packages are enough.
        ProgramResult installed = await BrownianProgram.RunAsync(new ProgramRun
        {
            File = "dotnet",
            Arguments = ["tool", "install", "--global", "Brownian", "--source", packages.Folder],
            Environment = environment,
        });
        Assert.True(installed.ExitCode == 0, installed.AllText);

        string program = home.Combine(".dotnet", "tools", "brownian");
        string[] arguments = ["generate", "red apple, flat", "--seed", "7", "-o", "-"];
        ProgramResult image = await BrownianProgram.RunAsync(new ProgramRun { File = program, Arguments = arguments, Environment = environment });
        Assert.True(image.ExitCode == 0, image.Error);
        Assert.Equal((await BrownianProgram.RunAsync(arguments)).Output, image.Output);
    }

    /// <summary>The files of a zip file, by their names.</summary>
    internal static Dictionary<string, byte[]> ReadZip(string file)
    {
        using ZipArchive zip = ZipFile.OpenRead(file);
        return zip.Entries.Where(entry => !entry.FullName.EndsWith('/')).ToDictionary(entry => entry.FullName, Bytes, StringComparer.Ordinal);
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
