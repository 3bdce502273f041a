using System.CommandLine;
using System.Text.Json;
using Brownian.Cli.Output;
using Brownian.Cli.Requests;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian models list</c>, <c>show</c> and <c>prune</c>.</summary>
internal static class ModelsCommand
{
    public static Command Create() =>
        new("models", "Lists the models, shows their contents, and removes those of the cache") { CreateList(), CreateShow(), CreatePrune() };

    /// <summary>The largest lengths of cells.</summary>
    private const int MaxLicense = 24, MaxFault = 60;

    private static Command CreateList()
    {
        Option<string[]> folders = ModelOptions.CreateFolders();
        var json = new Option<bool>("--json") { Description = "Write the models as JSON" };
        var command = new Command("list", "Lists models with their family, size, precision and licence") { folders, json };
        command.SetAction(parsed =>
        {
            ModelCatalog catalog = ModelCatalog.Create(parsed.GetValue(folders) ?? []);
            ListedModel[] models =
            [
                .. catalog.List().Select(model => Listed(model, () => Of(ModelFolder.Open(model.Folder)))),
                .. catalog.ListCascades().Select(cascade => Listed(cascade, () =>
                    new ListedModel { Family = Cascade.Family, License = Cascade.Open(cascade.Folder).License })),
            ];
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(models, ListedModel.Json));
                return ExitCode.Success;
            }
            string[][] rows = [["NAME", "FAMILY", "SIZE", "PRECISION", "DISK", "LICENCE", "FOLDER"], .. models.Select(CellsOf)];
            foreach (string line in TextTable.Lines(rows))
            {
                Console.Out.WriteLine(line);
            }
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Returns what is listed of a folder, which may contain no model that can be used.</summary>
    private static ListedModel Listed((string Name, string Folder) found, Func<ListedModel> read)
    {
        ListedModel model;
        try
        {
            model = read();
        }
        catch (ModelException exception)
        {
            model = new ListedModel { Fault = exception.Message };
        }
        return model with { Name = found.Name, Folder = found.Folder, IsDefault = found.Name == ModelCatalog.DefaultModel };
    }

    private static ListedModel Of(ModelFolder model)
    {
        ModelFacts facts = ModelFamilies.Read(model);
        int side = facts.SampleSize * (facts.Scale ?? 1);
        return new ListedModel
        {
            Family = ModelFamilies.NameOf(facts),
            Size = ModelFamilies.Upscales(facts) || side == 0 ? "any" : string.Create(CultureInfo.InvariantCulture, $"{side}x{side}"),
            Precision = PrecisionOf(model),
            Bytes = model.Graphs.Values.Sum(graph => graph.Bytes),
            License = model.Manifest.License,
        };
    }

    private static string[] CellsOf(ListedModel model) =>
    [
        model.IsDefault ? model.Name + " (default)" : model.Name,
        model.Family ?? TextTable.Cut(model.Fault!, MaxFault),
        model.Size ?? "-",
        model.Precision ?? "-",
        model.Bytes is { } bytes ? Gigabytes(bytes) : "-",
        TextTable.Cut(model.License ?? "-", MaxLicense),
        model.Folder,
    ];

    /// <summary>Returns how the weights of the largest graph are stored.</summary>
    private static string? PrecisionOf(ModelFolder model)
    {
        if (model.Graphs.Values.MaxBy(graph => graph.Bytes) is not { } largest)
        {
            return null;
        }
        // Tables of indices and scales have one dimension.
        ILookup<int, OnnxInitializer> weights =
            OnnxStructure.Read(largest.File).Initializers.Where(weight => weight.Shape.Count > 1).ToLookup(weight => weight.Type);
        return weights.Count == 0 ? null
            : weights.Any(type => type.First().ElementBytes == 1) ? "int8"
            : weights.MaxBy(type => type.Sum(weight => weight.Count))!.Key switch
            {
                OnnxInitializer.Float32 => "float32",
                OnnxInitializer.Float16 => "float16",
                OnnxInitializer.Bfloat16 => "bfloat16",
                _ => null,
            };
    }

    private static string Gigabytes(long bytes)
    {
        const long Small = 100_000_000;
        return bytes < Small
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB")
            : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB");
    }

    private static Command CreatePrune()
    {
        var unused = new Option<string?>("--unused-days")
        {
            Description = "Only what was not used for so many days, 0..3650; 30 when not given",
            HelpName = "N",
        };
        var all = new Option<bool>("--all") { Description = "Everything in the caches" };
        var command = new Command(
            "prune",
            "Removes optimised forms of graphs, models that were imported because a file was named as a model, and downloads of brownian pull; the "
                + "files stay, and so do models of brownian import and pull")
        {
            unused, all,
        };
        command.SetAction(parsed =>
        {
            var faults = new List<FieldFault>();
            int days = OptionText.Integer(parsed.GetValue(unused), "--unused-days", 0, 3650, faults) ?? 30;
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            DateTime? since = parsed.GetValue(all) ? null : DateTime.UtcNow.AddDays(-days);
            foreach ((string folder, long bytes) in ((string[])[ModelCatalog.CacheFolder, ModelCatalog.OptimizedFolder, ModelCatalog.PulledFolder])
                .SelectMany(cache => CacheEntries.Prune(cache, since)))
            {
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder}    {bytes / 1e6:0.0} MB"));
            }
            return ExitCode.Success;
        });
        return command;
    }

    private static Command CreateShow()
    {
        var name = new Argument<string?>("NAME") { Description = "A model's name or folder", Arity = ArgumentArity.ZeroOrOne };
        Option<string[]> folders = ModelOptions.CreateFolders();
        var command = new Command(
            "show", "Shows a model's family, sizes, graphs, tokenizer, scheduler and licence, or a cascade's stages") { name, folders };
        command.SetAction((parsed, cancellationToken) =>
        {
            ModelCatalog catalog = ModelCatalog.Create(parsed.GetValue(folders) ?? []);
            string? requested = parsed.GetValue(name);
            return requested is not null && catalog.FindCascade(requested) is { } cascade
                ? Task.FromResult(Show(cascade))
                : ShowAsync(catalog.Open(requested), cancellationToken);
        });
        return command;
    }

    private static int Show(Cascade cascade)
    {
        Line("name", cascade.Name);
        Line("folder", cascade.FolderPath);
        Line("title", cascade.Title);
        Line("description", cascade.Description);
        Line("license", cascade.License);
        for (int i = 0; i < cascade.Stages.Count; i++)
        {
            Line($"stage-{(i + 1).ToString(CultureInfo.InvariantCulture)}", $"{cascade.Stages[i].Role}, {cascade.Folders[i]}");
        }
        Line("family", Cascade.Family);
        return ExitCode.Success;
    }

    /// <summary>The prompts of <c>.prompts.txt</c>, one a line. Files whose names begin with a point do not change a model's fingerprint.</summary>
    private static string[] Prompts(ModelFolder model)
    {
        string file = Path.Combine(model.FolderPath, ".prompts.txt");
        // Models come from strangers, too: nothing that a terminal would follow, and no flood.
        return File.Exists(file)
            ? [.. File.ReadLines(file).Take(100).Where(line => line.Length is > 0 and <= 200 && !line.Any(char.IsControl))]
            : [];
    }

    private static async Task<int> ShowAsync(ModelFolder model, CancellationToken cancellationToken)
    {
        await Task.Yield();
        Line("name", model.Name);
        Line("folder", model.FolderPath);
        Line("title", model.Manifest.Title);
        Line("description", model.Manifest.Description);
        Line("license", model.Manifest.License);
        Line("attribution", model.Manifest.Attribution);
        Line("imported-from", model.Manifest.Source);
        Line("checkpoint-sha256", model.Manifest.CheckpointSha256);
        Line("examples", string.Join("; ", model.Manifest.Examples.Union(Prompts(model))));
        Line("pipeline", model.Index?["_class_name"]?.ToString());
        Line("scheduler", model.Scheduler?["_class_name"]?.ToString());
        ModelDefaults defaults = model.Manifest.Defaults;
        Line("defaults", string.Join(", ", ((string?[])
        [
            defaults.Steps is { } steps ? $"{steps} steps" : null,
            defaults.GuidanceScale is { } guidance ? string.Create(CultureInfo.InvariantCulture, $"guidance {guidance}") : null,
            defaults.Width is { } width ? $"{width}x{defaults.Height ?? width}" : null,
            defaults.Scheduler?["_class_name"]?.ToString(),
        ]).Where(part => part is not null)));
        foreach (GraphFile file in model.Graphs.Values)
        {
            using OnnxGraph graph = OnnxGraph.Load(file.File, new SessionSettings());
            Console.Out.WriteLine($"{file.Part}: {Path.GetRelativePath(model.FolderPath, file.File)}");
            Console.Out.WriteLine("    in:  " + string.Join("; ", graph.Inputs));
            Console.Out.WriteLine("    out: " + string.Join("; ", graph.Outputs));
        }
        using ImageGenerator generator = await ImageGenerator.LoadAsync(model, new SessionSettings(), cancellationToken);
        ModelFacts facts = generator.Facts;
        Line("family", ModelFamilies.NameOf(facts));
        if (facts.Denoisers.Count == 0 && ModelFamilies.Upscales(facts))
        {
            Line("scale", string.Create(CultureInfo.InvariantCulture, $"{facts.Scale} times as large on each side"));
            return ExitCode.Success;
        }
        Line("sizes", facts.FixedLatentSize is { } size
            ? $"{size.Width * facts.Scale}x{size.Height * facts.Scale} only"
            : $"multiples of {facts.PixelMultiple} pixels; made for {facts.SampleSize * facts.Scale}x{facts.SampleSize * facts.Scale}");
        Line("latents", $"{facts.Channels} channels, {facts.Scale} pixels a side each");
        Line(
            "scaling",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{facts.ScalingFactor}{(facts.StatesScalingFactor ? "" : " (the folder does not say; the older converter's constant)")}"));
        if (facts.IsDecoderOnly)
        {
            return ExitCode.Success;
        }
        Line("controlnets", string.Join(", ", facts.ControlNets));
        string tokenizers = facts.Text is { } text
            ? string.Join(" and ", text.Clips.Select(static _ => "CLIP").Concat(text.T5 is null ? [] : (string[])[$"T5 of {text.Window}"]))
            : "CLIP";
        Line("tokenizer", $"{tokenizers}, {await generator.WindowAsync(cancellationToken)} tokens");
        return ExitCode.Success;
    }

    private static void Line(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            Console.Out.WriteLine($"{name}: {value}");
        }
    }
}
