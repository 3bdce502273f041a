using System.CommandLine;
using Brownian.Cli.Output;
using Brownian.Import.Folders;
using Brownian.Import.Hub;
using Brownian.Models.Catalog;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian pull</c>: downloads a checkpoint from a hub, and makes a model of it.</summary>
internal static class PullCommand
{
    private const string HubVariable = "BROWNIAN_HUB", OfflineVariable = "BROWNIAN_OFFLINE";

    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "A repository of the hub, OWNER/NAME or OWNER/NAME@REVISION, or the https URL of a checkpoint's file",
        };
        var file = new Option<string?>("--file")
        {
            Description = "Import this single file of the repository; a diffusers folder or the only checkpoint when not given",
            HelpName = "FILE",
        };
        var revision = new Option<string?>("--revision")
        {
            Description = $"The branch, tag or commit; {HubAddress.DefaultRevision} when not given",
            HelpName = "REVISION",
        };
        var offline = new Option<bool>("--offline") { Description = "Make no request: use what an earlier pull with --keep downloaded" };
        var keep = new Option<bool>("--keep") { Description = "Keep the downloaded files; they are removed after the import when not given" };
        var options = new ImportOptions("that of the repository or file");
        var command = new Command("pull", "Downloads a checkpoint from a hub and makes a model of it") { source, file, revision, offline, keep };
        options.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var faults = new List<FieldFault>();
            Uri hub = HubOf(faults);
            HubAddress? address = AddressOf(parsed.GetValue(source)!, hub, parsed.GetValue(revision), parsed.GetValue(file), faults);
            if (address is { IsFile: true })
            {
                options.CheckKind(parsed, isFile: true, faults);
            }
            options.Check(parsed, address?.Name, faults);
            bool isOffline = IsOffline(parsed.GetValue(offline), faults);
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            ModelImport import = options.Read(parsed, address!.Name);
            // Said before gigabytes are downloaded.
            ImportWriter.RequireNew(import.Folder);
            using var client = new HubClient(hub, TokenFor(hub));
            var puller = new Puller(client, ModelCatalog.PulledFolder) { IsOffline = isOffline };
            PlannedPull pull = await puller.PlanAsync(address, options.Variant(parsed), cancellationToken);
            options.CheckKind(parsed, pull.IsFile, faults);
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            Announce(pull);
            await DownloadAsync(puller, pull, cancellationToken);
            if (parsed.GetValue(keep))
            {
                pull.Keep();
            }
            ModelImport known = import with { Settings = import.Settings with { Origin = pull.Origin } };
            int exitCode = await known.RunAsync(pull.Path, cancellationToken);
            pull.Release();
            return exitCode;
        });
        return command;
    }

    private static HubAddress? AddressOf(string source, Uri hub, string? revision, string? file, List<FieldFault> faults)
    {
        var address = HubAddress.Parse(source, hub);
        if (address is null)
        {
            faults.Add(FieldFault.Of("SOURCE", source, "OWNER/NAME, OWNER/NAME@REVISION, or an https URL"));
        }
        if (revision is not null)
        {
            if (!HubAddress.IsRevision(revision))
            {
                faults.Add(FieldFault.Of("--revision", revision, "a branch, a tag or a commit"));
            }
            if (address is { Revision: not null } or { Url: not null })
            {
                faults.Add(new FieldFault("--revision", "is only for a repository that is named without a revision"));
            }
        }
        if (file is not null)
        {
            if (!HubFile.IsSafe(file))
            {
                faults.Add(FieldFault.Of("--file", file, "the path of a file in the repository"));
            }
            if (address is { IsFile: true })
            {
                faults.Add(new FieldFault("--file", "is only for a repository"));
            }
        }
        return address is null ? null : address with { Revision = revision ?? address.Revision, File = file ?? address.File };
    }

    private static Uri HubOf(List<FieldFault> faults)
    {
        if (Variable(HubVariable) is not { } text)
        {
            return HubAddress.Default;
        }
        if (HubAddress.ParseHub(text) is { } hub)
        {
            return hub;
        }
        faults.Add(FieldFault.Of(HubVariable, text, "the https URL of a hub, or an http URL of this machine"));
        return HubAddress.Default;
    }

    /// <summary>Returns the token; that of Hugging Face's own variable is for its hub alone.</summary>
    private static string? TokenFor(Uri hub) =>
        Variable("BROWNIAN_HUB_TOKEN") ?? (hub.Host == HubAddress.Default.Host ? Variable("HF_TOKEN") : null);

    private static bool IsOffline(bool isGiven, List<FieldFault> faults)
    {
        string? text = Variable(OfflineVariable);
        if (text is not (null or "0" or "1"))
        {
            faults.Add(FieldFault.Of(OfflineVariable, text, "0, 1"));
        }
        return isGiven || text == "1";
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : null;

    /// <summary>Says what is downloaded and under which licence, before it is.</summary>
    private static void Announce(PlannedPull pull)
    {
        string size = pull.Bytes == 0 ? "" : string.Create(
            CultureInfo.InvariantCulture, $"{pull.Files.Count} {(pull.Files.Count == 1 ? "file" : "files")}, {pull.Bytes / 1e6:0.0} MB, ");
        Console.Error.WriteLine(
            $"{pull.Origin.Source}: {size}licence: {pull.Origin.License ?? "not stated"}"
                + (pull.IsGated ? ", gated by terms that its page on the hub has" : ""));
    }

    private static async Task DownloadAsync(Puller puller, PlannedPull pull, CancellationToken cancellationToken)
    {
        var report = new ImportReport();
        try
        {
            await puller.DownloadAsync(pull, report, cancellationToken);
        }
        finally
        {
            report.Finish();
        }
    }
}
