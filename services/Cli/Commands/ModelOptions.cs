using System.CommandLine;
using System.CommandLine.Completions;
using Brownian.Adapters;
using Brownian.Cli.Output;
using Brownian.Cli.Requests;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Devices;

namespace Brownian.Cli.Commands;

/// <summary>Options of every command that opens or runs a model.</summary>
internal sealed class ModelOptions
{
    public Option<string?> Model { get; } = new("--model", ["-m", .. FieldOption.OtherOptions("model")])
    {
        Description = $"A model's name (brownian models list), folder or checkpoint file (default: {ModelCatalog.DefaultModel})",
        HelpName = "NAME|FOLDER",
    };

    /// <summary>Creates the options.</summary>
    public ModelOptions() => Model.CompletionSources.Add(_ =>
    {
        ModelCatalog catalog = ModelCatalog.Create([]);
        return catalog.List().Concat(catalog.ListCascades()).Select(model => new CompletionItem(model.Name));
    });

    public Option<string[]> Folders { get; } = CreateFolders();

    public Option<string?> Threads { get; } = new("--threads")
    {
        Description = "Threads that work on one operator, 1..256; the processors' number when not given",
        HelpName = "N",
    };

    public Option<string?> Device { get; } =
        new("--device") { Description = "cpu, cuda or tensorrt; cuda:1 for the second GPU", HelpName = "cpu|cuda[:N]|tensorrt[:N]" };

    public Option<string?> Precision { get; } = new("--precision")
    {
        Description = "Prefer graphs named model_PRECISION.onnx to model.onnx, for example fp16",
        HelpName = "PRECISION",
    };

    public Option<bool> Optimize { get; } = new("--optimize")
    {
        Description = "Keep the graphs as they are in memory, so that later runs start faster; takes the model's size on the disk again",
    };

    public Option<string[]> AdapterFolders { get; } = new("--adapters")
    {
        Description = $"A folder of LoRAs, textual inversions and ControlNets, in addition to those of {AdapterCatalog.Variable}; can be repeated",
        HelpName = "DIR",
        DefaultValueFactory = _ => [],
    };

    public static Option<string[]> CreateFolders() => new("--models")
    {
        Description = $"A folder of model folders, in addition to those of {ModelCatalog.Variable} and of the program; can be repeated",
        HelpName = "DIR",
        DefaultValueFactory = _ => [],
    };

    public void AddTo(Command command)
    {
        command.Options.Add(Model.In(HelpGroup.Model));
        command.Options.Add(Folders.In(HelpGroup.Model));
        command.Options.Add(Precision.In(HelpGroup.Advanced));
        command.Options.Add(Threads.In(HelpGroup.Advanced));
        command.Options.Add(Device.In(HelpGroup.Model));
        command.Options.Add(Optimize.In(HelpGroup.Model));
    }

    /// <summary>The catalogue of adapters; a name on the command line may be any file on this machine.</summary>
    public AdapterCatalog Adapters(ParseResult parsed) => AdapterCatalog.Create(parsed.GetValue(AdapterFolders) ?? [], takesPaths: true);

    public ModelCatalog Catalog(ParseResult parsed) => ModelCatalog.Create(parsed.GetValue(Folders) ?? []);

    /// <summary>Returns the settings of sessions.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="faults">Receives the faults.</param>
    public SessionSettings Settings(ParseResult parsed, List<FieldFault> faults) => new(
        ReadDevice(parsed.GetValue(Device), faults),
        OptionText.Integer(parsed.GetValue(Threads), "--threads", 1, 256, faults))
    {
        Optimized = new OptimizedGraphs(ModelCatalog.OptimizedFolder, parsed.GetValue(Optimize), new OptimizationReport()),
    };

    private static Device ReadDevice(string? text, List<FieldFault> faults)
    {
        if (!Brownian.Models.Devices.Device.TryParse(text ?? "cpu", out Device device))
        {
            faults.Add(FieldFault.Of("--device", text!, Brownian.Models.Devices.Device.Allowed));
        }
        return device;
    }
}
