using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Models.Catalog;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian schedulers list</c> and <c>show</c>.</summary>
internal static class SchedulersCommand
{
    public static Command Create() => new("schedulers", "Lists the schedulers and shows their steps") { CreateList(), CreateShow() };

    /// <summary>The titles of the groups, and the names to begin with.</summary>
    private static readonly Dictionary<SchedulerPurpose, (string Title, string? Advice)> Groups = new()
    {
        [SchedulerPurpose.Diffusion] =
            ("For Stable Diffusion 1, 2 and XL, DeepFloyd IF, and most other models", "dpm++_2m_karras, euler_a, ddim or unipc"),
        [SchedulerPurpose.Flow] = ("For Stable Diffusion 3 and Flux", "flow_euler"),
        [SchedulerPurpose.FlowMap] = ("For models of flow maps", null),
        [SchedulerPurpose.Distilled] = ("For models and LoRAs that were distilled to 1 to 8 steps", "lcm"),
        [SchedulerPurpose.Consistency] = ("For consistency models", null),
        [SchedulerPurpose.Edm] = ("For models that are preconditioned by EDM, such as Playground 2.5", "edm_dpm++_2m"),
        [SchedulerPurpose.Score] = ("For models of scores on growing variances", null),
        [SchedulerPurpose.VDiffusion] = ("For models with v-diffusion's own schedule", null),
        [SchedulerPurpose.Unclip] = ("For unCLIP models, which name it themselves", null),
        [SchedulerPurpose.Inversion] = ("Not for images: they turn an image into its noise", null),
    };

    private static Command CreateList()
    {
        var command = new Command("list", "Lists short names, classes and descriptions, in groups of the models that they are for");
        command.SetAction(_ =>
        {
            foreach (IGrouping<SchedulerPurpose, SchedulerDescriptor> group in SchedulerCatalog.Classes
                .GroupBy(descriptor => descriptor.Purpose).OrderBy(group => group.Key))
            {
                (string title, string? advice) = Groups[group.Key];
                Console.Out.WriteLine($"== {title}{(advice is null ? "" : $" (begin with {advice})")}");
                foreach (SchedulerDescriptor descriptor in group.OrderBy(candidate => candidate.ClassName, StringComparer.Ordinal))
                {
                    string[] names = [.. SchedulerCatalog.Names.Where(name => name.ClassName == descriptor.ClassName).Select(name => name.Name)];
                    Console.Out.WriteLine($"{descriptor.ClassName}: {descriptor.Summary}");
                    if (names.Length > 0)
                    {
                        Console.Out.WriteLine("    " + string.Join(", ", names));
                    }
                }
                Console.Out.WriteLine();
            }
            return ExitCode.Success;
        });
        return command;
    }

    private static Command CreateShow()
    {
        var name = new Argument<string>("NAME") { Description = "A short name or a class" };
        var steps = new Option<string?>("--steps") { Description = "Steps, 1..1000", HelpName = "N" };
        var model = new Option<string?>("--model", "-m") { Description = "Use the settings of a model's scheduler", HelpName = "NAME|FOLDER" };
        Option<string[]> folders = ModelOptions.CreateFolders();
        var options = new Option<string[]>("--scheduler-option")
        {
            Description = "An option of the scheduler; can be repeated",
            HelpName = "KEY=VALUE",
            DefaultValueFactory = _ => []
        };
        var command = new Command(
            "show", "Shows a scheduler's options, and the timesteps and sigmas of a run") { name, steps, model, folders, options };
        command.SetAction(parsed =>
        {
            var faults = new List<FieldFault>();
            int? count = OptionText.Integer(parsed.GetValue(steps), "--steps", 1, 1000, faults);
            var overrides = new Dictionary<string, JsonNode?> { ["_class_name"] = parsed.GetValue(name) };
            foreach (string option in parsed.GetValue(options) ?? [])
            {
                if (OptionText.SchedulerOption(option, faults) is { } pair)
                {
                    overrides[pair.Key] = pair.Value;
                }
            }
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            JsonObject file = parsed.GetValue(model) is { } wanted
                ? ModelCatalog.Create(parsed.GetValue(folders) ?? []).Open(wanted).Scheduler
                    ?? throw new ModelException($"The model {wanted} has no scheduler/scheduler_config.json")
                : [];
            Show(SchedulerCatalog.Create(file, overrides: overrides), count);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Readable JSON, in which a plus sign is not escaped.</summary>
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static void Show(Scheduler scheduler, int? steps)
    {
        JsonObject values = scheduler.Config.ToJson();
        Console.Out.WriteLine($"{scheduler.Config.Descriptor.ClassName}: {scheduler.Config.Descriptor.Summary}");
        foreach (SchedulerOption option in scheduler.Config.Descriptor.Options)
        {
            Console.Out.WriteLine($"    {option.Name} = {values[option.Name]?.ToJsonString(Readable) ?? "null"}    ({option.Allowed})");
        }
        if (steps is not { } count)
        {
            return;
        }
        bool needsMu = scheduler.Config.HasFlag("use_dynamic_shifting");
        scheduler.Start(new SamplingOptions { Steps = count, Mu = needsMu ? 1 : null });
        Console.Out.WriteLine(
            $"steps: {count}{(needsMu ? ", mu 1" : "")}; model calls: {scheduler.Timesteps.Length}; initial noise "
                + $"times {Invariant(scheduler.InitNoiseSigma)}");
        Console.Out.WriteLine("timesteps: " + string.Join(' ', scheduler.Timesteps.ToArray().Select(Invariant)));
        if (!scheduler.Sigmas.IsEmpty)
        {
            Console.Out.WriteLine("sigmas: " + string.Join(' ', scheduler.Sigmas.ToArray().Select(Invariant)));
        }
    }

    private static string Invariant(float value) => value.ToString(CultureInfo.InvariantCulture);
}
