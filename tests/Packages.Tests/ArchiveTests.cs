using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Brownian.Packages.Tests;

/// <summary>
/// The archives of build/publish: everything that a platform needs, with the shipped model. Those of Windows and macOS are opened, but not run: the
/// tests have no such machine.
/// </summary>
/// <param name="packages">What build/publish made.</param>
public sealed class ArchiveTests(PublishedPackages packages)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(PublishedPackages.Archives), MemberType = typeof(PublishedPackages))]
    public void An_archive_holds_one_folder_with_the_program_NET_the_native_libraries_and_the_model(string runtime, string name)
    {
        Dictionary<string, byte[]> files = Read(packages.Find(name));
        string folder = $"brownian-{packages.Version}-{runtime}/";
        Assert.All(files.Keys, file => Assert.StartsWith(folder, file, StringComparison.Ordinal));
        Platform.Of(runtime).AssertComplete(files.ToDictionary(file => file.Key[folder.Length..], file => file.Value), runtime: true);
        Assert.Contains(folder + "LICENSE", files.Keys);
    }

    [Fact]
    public void The_sums_are_those_of_every_package()
    {
        Dictionary<string, string> sums = File.ReadLines(Path.Combine(packages.Folder, "SHA256SUMS"))
            .Select(line => line.Split("  ")).ToDictionary(parts => parts[1], parts => parts[0], StringComparer.Ordinal);
        Assert.Equal(
            Directory.GetFiles(packages.Folder).Select(file => Path.GetFileName(file)).Except(["SHA256SUMS"]).Order(StringComparer.Ordinal),
            sums.Keys.Order(StringComparer.Ordinal));
        Assert.All(sums, sum =>
        {
            using FileStream file = File.OpenRead(Path.Combine(packages.Folder, sum.Key));
            Assert.Equal(sum.Value, Convert.ToHexStringLower(SHA256.HashData(file)));
        });
    }

    [Fact]
    public async Task The_archive_of_this_platform_draws_the_image_of_the_build_without_NET_on_the_machine()
    {
        using var folder = new TemporaryFolder();
        string program = Extract(folder);
        string[] arguments = ["generate", "red apple, flat", "--seed", "7", "-o", "-"];
        ProgramResult image =
            await BrownianProgram.RunAsync(new ProgramRun { File = program, Arguments = arguments, Environment = WithoutNet(folder) });
        Assert.True(image.ExitCode == 0, image.Error);
        Assert.Equal((await BrownianProgram.RunAsync(arguments)).Output, image.Output);
    }

    [Fact]
    public async Task The_unit_of_systemd_in_the_archive_is_valid()
    {
        const string analyzer = "/usr/bin/systemd-analyze";
        Assert.SkipUnless(File.Exists(analyzer), "systemd-analyze is not installed");
        using var folder = new TemporaryFolder();
        string file = folder.Combine("brownian.service");
        await File.WriteAllLinesAsync(file, Unit(Extract(folder), "/var/lib"), Stop);

        ProgramResult verified = await BrownianProgram.RunAsync(new ProgramRun { File = analyzer, Arguments = ["verify", file] });
        Assert.Equal((0, ""), (verified.ExitCode, verified.AllText));
    }

    [Fact]
    public async Task The_command_of_the_unit_serves_and_ends_well_when_systemd_stops_it()
    {
        using var folder = new TemporaryFolder();
        string program = Extract(folder), state = folder.Combine("state");
        Directory.CreateDirectory(Path.Combine(state, "brownian", "models"));
        string[] unit = Unit(program, state);
        Dictionary<string, string> environment = WithoutNet(folder);
        foreach (string setting in unit.Where(line => line.StartsWith("Environment=", StringComparison.Ordinal)))
        {
            foreach (string[] pair in setting["Environment=".Length..].Split(' ').Select(pair => pair.Split('=')))
            {
                environment[pair[0]] = pair[1];
            }
        }
        string[] command = Assert.Single(unit, line => line.StartsWith("ExecStart=", StringComparison.Ordinal))["ExecStart=".Length..].Split(' ');
        string[] ports =
        [
            "--http-port", FreePort.Find().ToString(CultureInfo.InvariantCulture), "--grpc-port", "0",
            "--operator-http-port", "0", "--operator-grpc-port", "0",
        ];
        using Process served = BrownianProgram.Start(
            new ProgramRun { File = command[0], Arguments = [.. command[1..], .. ports], Environment = environment });
        Task<string> errors = served.StandardError.ReadToEndAsync(Stop);
        string log = "";
        while (!log.Contains("Application started", StringComparison.Ordinal)
            && await served.StandardOutput.ReadLineAsync(Stop).AsTask().WaitAsync(Deadline, Stop) is { } line)
        {
            log += line + "\n";
        }
        Task<string> rest = served.StandardOutput.ReadToEndAsync(Stop);
        Assert.True(log.Contains("Application started", StringComparison.Ordinal), log);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports[1]}") };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(new Uri("/health/live", UriKind.Relative), Stop)).StatusCode);
        using (Process kill = Process.Start("kill", ["-TERM", served.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(Stop);
        }
        await served.WaitForExitAsync(Stop).WaitAsync(Deadline, Stop);
        Assert.True(served.ExitCode == 0, log + await rest + await errors);
    }

    /// <summary>The unit in the archive, for a program and a folder of state in other places.</summary>
    private static string[] Unit(string program, string state) =>
    [
        .. File.ReadLines(Path.Combine(Path.GetDirectoryName(program)!, "brownian.service"))
            .Select(line => line.Replace("/opt/brownian/brownian", program, StringComparison.Ordinal))
            .Select(line => line.Replace("/var/lib", state, StringComparison.Ordinal)),
    ];

    private string Extract(TemporaryFolder folder)
    {
        string runtime = RuntimeInformation.RuntimeIdentifier;
        Assert.SkipUnless(runtime == "linux-x64", $"build/publish made no archive for {runtime}");
        using var unzipped = new GZipStream(File.OpenRead(packages.Find("brownian-{0}-linux-x64.tar.gz")), CompressionMode.Decompress);
        TarFile.ExtractToDirectory(unzipped, folder.FullPath, overwriteFiles: false);
        return folder.Combine($"brownian-{packages.Version}-{runtime}", "brownian");
    }

    /// <summary>Variables with which no installed .NET is found, and whose folders are the test's own.</summary>
    private static Dictionary<string, string> WithoutNet(TemporaryFolder folder) => new()
    {
        ["DOTNET_ROOT"] = "/nowhere",
        ["DOTNET_ROOT_X64"] = "/nowhere",
        ["PATH"] = "/nowhere",
        ["HOME"] = folder.FullPath,
        ["XDG_DATA_HOME"] = folder.Combine("data"),
    };

    private static Dictionary<string, byte[]> Read(string archive)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (archive.EndsWith(".zip", StringComparison.Ordinal))
        {
            foreach ((string name, byte[] bytes) in ToolTests.ReadZip(archive))
            {
                files[name] = bytes;
            }
            return files;
        }
        using var tar = new TarReader(new GZipStream(File.OpenRead(archive), CompressionMode.Decompress));
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is { } data)
            {
                using var bytes = new MemoryStream();
                data.CopyTo(bytes);
                files[entry.Name] = bytes.ToArray();
                if (Path.GetFileName(entry.Name) == "brownian")
                {
                    Assert.Equal(UnixFileMode.UserExecute, entry.Mode & UnixFileMode.UserExecute);
                }
            }
        }
        return files;
    }
}
