using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Cli.Requests;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Commands;

/// <summary>A request field as a command-line option: its name, its help and its value come from the schema.</summary>
internal sealed class FieldOption
{
    /// <summary>Fields of few models and methods, which the help shows last.</summary>
    private static readonly string[] Rare =
    [
        "prompt_3", "negative_prompt_3", "max_sequence_length", "init_latents", "noise", "noise_dtype", "original_inference_steps", "true_cfg_scale",
        "guidance_method", "pag_scale", "cfg_zero_star", "image_guidance_scale", "guidance_rescale",
    ];

    private readonly RequestField _field;

    private FieldOption(RequestField field, Option option) => (_field, Option) = (field, option);

    /// <summary>The option.</summary>
    public Option Option { get; }

    /// <summary>Creates the option of a field; null when the field's values have no command-line form.</summary>
    public static FieldOption? Create(RequestField field)
    {
        FieldOption? created = CreateBare(field);
        created?.Option.In(GroupOf(field));
        switch (field.Declared)
        {
            case ChoiceFieldAttribute:
                created?.Option.CompletionSources.Add(field.Declared.Allowed.Split(", "));
                break;
            case LoraListFieldAttribute or InversionListFieldAttribute:
                created?.Option.CompletionSources.Add(
                    _ => AdapterCatalog.Create([], takesPaths: true).FileNames().Select(name => new CompletionItem(name)));
                break;
        }
        return created;
    }

    /// <summary>Returns the group of a field's option in the help.</summary>
    public static HelpGroup GroupOf(RequestField field) => Rare.Contains(field.Name) ? HelpGroup.Advanced : field.Declared.Group switch
    {
        FieldGroup.Model or FieldGroup.Adapters => HelpGroup.Model,
        FieldGroup.Prompt => HelpGroup.Prompt,
        FieldGroup.Image or FieldGroup.Size => HelpGroup.Image,
        FieldGroup.Sampling or FieldGroup.Guidance => HelpGroup.Sampling,
        FieldGroup.ControlNet => HelpGroup.ControlNet,
        FieldGroup.Xl => HelpGroup.Xl,
        FieldGroup.Output => HelpGroup.Output,
        _ => HelpGroup.Advanced,
    };

    private static FieldOption? CreateBare(RequestField field) => field.Declared switch
    {
        NumberFieldAttribute => One(field, "X"),
        IntegerFieldAttribute or SeedFieldAttribute => One(field, "N"),
        TextFieldAttribute { NamesFile: true } => One(field, "FILE"),
        TextFieldAttribute => One(field, "TEXT"),
        ChoiceFieldAttribute => One(field, "NAME"),
        BooleanFieldAttribute => new FieldOption(field, new Option<bool?>(field.Option) { Description = Describe(field) }),
        TextListFieldAttribute { NamesFile: true } => Many(field, "FILE"),
        TextListFieldAttribute => Many(field, "NAME"),
        NumberListFieldAttribute => Many(field, "X"),
        LoraListFieldAttribute => Many(field, "FILE[:WEIGHT]"),
        InversionListFieldAttribute => Many(field, "FILE[:TOKEN]"),
        _ => null,
    };

    /// <summary>Returns a field's help: its text, the allowed values and the default.</summary>
    public static string Describe(RequestField field)
    {
        string? allowed = field.Declared switch
        {
            NumberFieldAttribute or IntegerFieldAttribute or ChoiceFieldAttribute => field.Declared.Allowed,
            SeedFieldAttribute => "0..2^64-1",
            FileListFieldAttribute or TextListFieldAttribute or NumberListFieldAttribute => "can be repeated",
            _ => null,
        };
        string? missing = field.Declared.Default == "none" ? null : "default: " + (field.Declared.Default ?? "the model's");
        string more = string.Join("; ", ((string?[])[allowed, missing]).OfType<string>());
        return more.Length == 0 ? field.Declared.Text : $"{field.Declared.Text} ({more})";
    }

    /// <summary>Sets the field if the option is given.</summary>
    public void Apply(ParseResult parsed, JsonObject json)
    {
        if (parsed.GetResult(Option) is not { } result)
        {
            return;
        }
        JsonNode? value = Option switch
        {
            Option<bool?> flag => result.GetValue(flag) is { } given ? JsonValue.Create(given) : null,
            Option<string?> text => result.GetValue(text) is { } given ? ReadOne(given) : null,
            Option<string[]> list => result.GetValue(list) is { Length: > 0 } given ? new JsonArray([.. given.Select(ReadOne)]) : null,
            _ => throw new InvalidOperationException($"{Option.Name} has no form in a request"),
        };
        if (value is not null)
        {
            json[_field.Name] = value;
        }
    }

    /// <summary>Returns the field's own name and what other programs call it, as options that mean the same as its option.</summary>
    public static string[] OtherOptions(string field)
    {
        string[] names = [field, .. OtherNames.Fields.Where(name => name.Value == field).Select(name => name.Key)];
        return [.. names.Select(name => "--" + name.Replace('_', '-')).Where(name => name != RequestSchema.Find(field)?.Option)];
    }

    private static FieldOption One(RequestField field, string helpName) =>
        new(field, new Option<string?>(field.Option, OtherOptions(field.Name)) { Description = Describe(field), HelpName = helpName });

    private static FieldOption Many(RequestField field, string helpName) =>
        new(field, new Option<string[]>(field.Option, OtherOptions(field.Name))
        {
            Description = Describe(field),
            HelpName = helpName,
            DefaultValueFactory = _ => [],
        });

    private JsonNode ReadOne(string text) => _field.Declared switch
    {
        NumberFieldAttribute or IntegerFieldAttribute or SeedFieldAttribute or NumberListFieldAttribute => OptionText.Number(text),
        LoraListFieldAttribute => ReadFile(text, "weight", OptionText.Number),
        InversionListFieldAttribute => ReadFile(text, "token", static token => token),
        _ => text,
    };

    private static JsonObject ReadFile(string text, string other, Func<string, JsonNode?> read)
    {
        int colon = text.LastIndexOf(':');
        // A colon before a path separator belongs to a drive letter.
        bool hasOther = colon > 0 && text.IndexOfAny(['/', '\\'], colon) < 0;
        return hasOther ? new JsonObject { ["file"] = text[..colon], [other] = read(text[(colon + 1)..]) } : new JsonObject { ["file"] = text };
    }
}
