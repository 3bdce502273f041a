using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Families;

/// <summary>
/// AUTOMATIC1111's names of a scheduler, for the settings in an image: its drag and drop understands a sampler and, since version 1.9, a schedule
/// type. Reading both gives the same scheduler again, with the options that are written beside them.
/// </summary>
/// <param name="Sampler">The sampler; a class's name where no short name has the scheduler's options.</param>
/// <param name="Schedule">The schedule of noise levels; null where the sampler's own is meant in AUTOMATIC1111, too.</param>
public sealed record SamplerLabel(string Sampler, string? Schedule)
{
    /// <summary>
    /// The schedules that AUTOMATIC1111 uses where a sampler is named without one (the <c>scheduler</c> of <c>samplers_k_diffusion</c>, 1.10).
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string> Automatic = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["DPM++ 2M"] = "Karras",
        ["DPM++ SDE"] = "Karras",
        ["DPM++ 2M SDE"] = "Exponential",
        ["DPM++ 2M SDE Heun"] = "Exponential",
        ["DPM++ 2S a"] = "Karras",
        ["DPM++ 3M SDE"] = "Exponential",
        ["DPM2"] = "Karras",
        ["DPM2 a"] = "Karras",
        ["Restart"] = "Karras",
    };

    private static readonly (string Option, string Schedule)[] Schedules =
        [("use_karras_sigmas", "Karras"), ("use_exponential_sigmas", "Exponential"), ("use_beta_sigmas", "Beta")];

    /// <summary>Returns the names of a request's scheduler.</summary>
    /// <param name="file">The model's <c>scheduler_config.json</c>.</param>
    /// <param name="overrides">The request's scheduler and options; null for the model's own.</param>
    public static SamplerLabel Of(JsonObject file, JsonObject? overrides)
    {
        string? given = (string?)overrides?["_class_name"];
        SchedulerName? name = given is null ? NameOf(file) : SchedulerCatalog.FindName(given);
        if (name is null)
        {
            return new SamplerLabel(given ?? (string)file["_class_name"]!, null);
        }
        string plain = name.Name;
        foreach ((_, string schedule) in Schedules)
        {
            if (plain.EndsWith(End(schedule), StringComparison.Ordinal))
            {
                plain = plain[..^End(schedule).Length];
            }
        }
        string? used = Schedules
            .FirstOrDefault(known => IsSet(overrides?[known.Option] ?? OptionOf(name, known.Option) ?? file[known.Option])).Schedule;
        string sampler = Label(plain);
        return used is null ? new SamplerLabel(sampler, Automatic.ContainsKey(sampler) ? "Uniform" : null)
            : SchedulerCatalog.Names.Any(known => known.Name == plain + End(used)) ? new SamplerLabel(sampler, used)
            : new SamplerLabel(Label(name.Name), null);

        static string End(string schedule) => "_" + schedule.ToLowerInvariant();
    }

    private static bool IsSet(JsonNode? value) => value is JsonValue flag && flag.TryGetValue(out bool isSet) && isSet;

    private static JsonValue? OptionOf(SchedulerName name, string option) =>
        name.Options.FirstOrDefault(own => own.Name == option).Value is { } value ? JsonValue.Create(value) : null;

    /// <summary>
    /// Returns the short name of a file's scheduler: the one that sets the most of the options that the file states. Null for none.
    /// </summary>
    private static SchedulerName? NameOf(JsonObject file) => SchedulerCatalog.Names
        .Where(name => name.ClassName == (string?)file["_class_name"])
        .Where(name => name.Options.All(option => JsonNode.DeepEquals(file[option.Name], JsonValue.Create(option.Value))))
        .MaxBy(name => name.Options.Count);

    private static string Label(string name) => string.Join(' ', name.Split('_').Select(Word));

    private static string Word(string word) => word switch
    {
        "a" => word,
        "unipc" => "UniPC",
        "euler" or "heun" or "karras" or "exponential" or "beta" => char.ToUpperInvariant(word[0]) + word[1..],
        _ => word.ToUpperInvariant(),
    };
}
