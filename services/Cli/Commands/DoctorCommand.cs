using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Cli.Settings;
using Brownian.Formats.Files;
using Brownian.Hosting;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Devices;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian doctor</c>: what this machine has for images, and what is missing.</summary>
internal static class DoctorCommand
{
    private const string Good = "ok", Bad = "problem", Note = "note";

    /// <summary>The ports of <c>brownian serve</c>.</summary>
    private static readonly int[] Ports =
    [
        ServiceRole.Gateway.HttpPort, ServiceRole.Gateway.GrpcPort, ServiceRole.Gateway.OperatorHttpPort, ServiceRole.Gateway.OperatorGrpcPort!.Value,
    ];

    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Write the findings as JSON" };
        var command = new Command("doctor", "Shows what this machine has for images, and what is missing: devices, memory, models, ports") { json };
        command.SetAction(parsed =>
        {
            (string Part, string State, string Text)[] findings =
                [Program(), Processor(), Memory(), .. Devices(), .. Models(), Adapters(), .. Folders(), .. PortsOf(), .. Settings()];
            if (parsed.GetValue(json))
            {
                var list = new JsonArray([.. findings.Select(finding => new JsonObject
                {
                    ["part"] = finding.Part,
                    ["state"] = finding.State,
                    ["text"] = finding.Text,
                })]);
                Console.Out.WriteLine(list.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            }
            else
            {
                foreach ((string part, string state, string text) in findings)
                {
                    Console.Out.WriteLine($"{state,-8}{part}: {text}");
                }
            }
            return findings.Any(finding => finding.State == Bad) ? ExitCode.Failure : ExitCode.Success;
        });
        return command;
    }

    private static (string, string, string) Program() => (
        "program", Good,
        $"brownian {typeof(DoctorCommand).Assembly.GetName().Version?.ToString(3)}, {RuntimeInformation.FrameworkDescription}, "
            + $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}");

    private static (string, string, string) Processor()
    {
        string[] features =
        [
            .. Avx2.IsSupported ? (string[])["AVX2"] : [], .. Avx512F.IsSupported ? (string[])["AVX-512"] : [],
            .. HasVnni() ? (string[])["VNNI"] : [],
        ];
        string text = $"{Environment.ProcessorCount} processors" + (features.Length > 0 ? " with " + string.Join(", ", features) : "");
        return RuntimeInformation.ProcessArchitecture == Architecture.X64 && !Avx2.IsSupported
            ? ("processor", Note, text + "; without AVX2 images take several times as long")
            : ("processor", Good, text);
    }

    /// <summary>Whether the processor has AVX512-VNNI or AVX-VNNI, which make int8 fast (Intel's manual, CPUID, leaf 7).</summary>
    private static bool HasVnni() => X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7
        && ((X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0 || (X86Base.CpuId(7, 1).Eax & (1 << 4)) != 0);

    private static (string, string, string) Memory()
    {
        const double UsualModel = 5.5e9;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        string text = string.Create(CultureInfo.InvariantCulture, $"{available / 1e9:0.0} GB for this process");
        return available < UsualModel
            ? ("memory", Note, text + "; Stable Diffusion 1.5 takes 5.5 GB in float32, 2.9 GB in int8 (docs/import.md), and less with --low-memory")
            : ("memory", Good, text);
    }

    private static IEnumerable<(string, string, string)> Devices()
    {
        yield return ("device cpu", Good, "ONNX Runtime's CPU provider");
        if (!ExecutionProviders.HasCuda)
        {
            yield return ("device cuda", Note, $"{ExecutionProviders.NoCuda}; tensorrt needs it, too");
            yield break;
        }
        foreach (DeviceKind kind in (DeviceKind[])[DeviceKind.Cuda, DeviceKind.TensorRt])
        {
            (string, string, string) finding;
            try
            {
                ExecutionProviders.Require(new Device(kind));
                finding = ($"device {new Device(kind)}", Good, "its libraries are there");
            }
            catch (ModelException exception)
            {
                finding = ($"device {new Device(kind)}", Note, exception.Message);
            }
            yield return finding;
        }
    }

    private static IEnumerable<(string, string, string)> Models()
    {
        ModelCatalog catalog = ModelCatalog.Create([]);
        foreach (string missing in ModelCatalog.FoldersOfVariable().Where(folder => !Directory.Exists(folder)))
        {
            yield return ("models", Note, $"{ModelCatalog.Variable} names {missing}, which does not exist");
        }
        IReadOnlyList<(string Name, string Folder)> models = catalog.List();
        if (models.Count == 0)
        {
            yield return ("models", Bad, $"none in {string.Join(", ", catalog.Folders)}; \"brownian import\" makes one of a checkpoint");
        }
        foreach ((string name, string folder) in models)
        {
            (string, string, string) finding;
            try
            {
                var model = ModelFolder.Open(folder);
                ModelFamilies.Require(model);
                finding = ($"model {name}", Good, $"{ModelFamilies.NameOf(ModelFamilies.Read(model))}, {folder}");
            }
            catch (ModelException exception)
            {
                finding = ($"model {name}", Bad, exception.Message);
            }
            yield return finding;
        }
    }

    private static (string, string, string) Adapters()
    {
        AdapterCatalog catalog = AdapterCatalog.Create([], takesPaths: true);
        return catalog.Folders.Count == 0
            ? ("adapters", Note, $"no folder of LoRAs is named ({AdapterCatalog.Variable}); --lora takes the path of a file, too")
            : ("adapters", Good, $"{catalog.FileNames().Count()} files in {string.Join(", ", catalog.Folders)}");
    }

    /// <summary>The folders that the program writes to: whether it can, and how much they can take.</summary>
    private static IEnumerable<(string, string, string)> Folders()
    {
        foreach ((string what, string folder) in ((string, string)[])
            [("imported models", ModelCatalog.UserFolder), ("settings", UserConfig.Folder)])
        {
            string there = folder;
            while (!Directory.Exists(there) && Path.GetDirectoryName(there) is { } parent)
            {
                there = parent;
            }
            string probe = Path.Combine(there, $".brownian-{Guid.NewGuid():N}");
            (string, string, string) finding;
            try
            {
                File.WriteAllBytes(probe, []);
                File.Delete(probe);
                finding = (what, Good, string.Create(CultureInfo.InvariantCulture, $"{folder}, {DiskSpace.Left(there) / 1e9:0.0} GB free"));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                finding = (what, Bad, $"{folder} cannot be written: {exception.Message}");
            }
            yield return finding;
        }
    }

    private static IEnumerable<(string, string, string)> PortsOf()
    {
        int[] taken = [.. Ports.Where(port => !IsFree(port))];
        yield return taken.Length == 0
            ? ("ports", Good, $"{string.Join(", ", Ports)} are free for brownian serve")
            : ("ports", Note, $"{string.Join(", ", taken)} are taken; brownian serve takes others with --http-port, --grpc-port, "
                + "--operator-http-port and --operator-grpc-port");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>What the environment and the file of settings change.</summary>
    private static IEnumerable<(string, string, string)> Settings()
    {
        string[] variables =
        [
            .. Environment.GetEnvironmentVariables().Keys.OfType<string>().Where(name => name.StartsWith("BROWNIAN_", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal),
        ];
        if (variables.Length > 0)
        {
            yield return ("environment", Note, string.Join(", ", variables) + " are set");
        }
        if (!File.Exists(UserConfig.FilePath))
        {
            yield break;
        }
        (string, string, string) finding;
        try
        {
            string[] set = [.. UserConfig.Read().Select(entry => entry.Key)];
            finding = ("defaults", Note, $"{UserConfig.FilePath} sets {(set.Length == 0 ? "nothing" : string.Join(", ", set))}");
        }
        catch (Exception exception) when (exception is FieldFaultException or ModelException)
        {
            finding = ("defaults", Bad, exception.Message);
        }
        yield return finding;
    }
}
