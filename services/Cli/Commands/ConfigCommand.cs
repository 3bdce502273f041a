using System.CommandLine;
using System.Text.Json.Nodes;
using Brownian.Cli.Remote;
using Brownian.Cli.Requests;
using Brownian.Cli.Settings;
using Brownian.Models.Catalog;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian config</c>: shows and changes the user's defaults.</summary>
internal static class ConfigCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var command = new Command("config", "Shows and changes your defaults: fields of requests, and a server")
        {
            CreateList(), CreateGet(), CreateSet(), CreateUnset(),
        }
            .WithExamples("brownian config set steps 30", "brownian config set scheduler dpm++_2m_karras", "brownian config unset steps");
        command.SetAction(_ => List());
        return command;
    }

    private static Command CreateList()
    {
        var command = new Command("list", "Shows all defaults, as \"brownian config\" does");
        command.SetAction(_ => List());
        return command;
    }

    private static int List()
    {
        Console.Error.WriteLine(
            UserConfig.FilePath + (File.Exists(UserConfig.FilePath) ? "" : " does not exist; \"brownian config set\" makes it"));
        foreach ((string name, JsonNode? value) in UserConfig.Read())
        {
            Console.Out.WriteLine($"{name} = {value?.ToJsonString()}");
        }
        return ExitCode.Success;
    }

    private static Command CreateGet()
    {
        Argument<string> name = Name();
        var command = new Command("get", "Shows a default") { name };
        command.SetAction(parsed =>
        {
            string key = parsed.GetValue(name)!;
            JsonObject config = UserConfig.Read();
            if (!config.TryGetPropertyValue(key, out JsonNode? value))
            {
                throw NotSet(key, config);
            }
            Console.Out.WriteLine(value?.ToJsonString());
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Returns the exception about a name that has no default.</summary>
    private static FieldFaultException NotSet(string key, JsonObject config)
    {
        if (!UserConfig.Known.Contains(key))
        {
            var faults = new List<FieldFault>();
            UserConfig.Check(key, null, "NAME", faults);
            return new FieldFaultException(faults);
        }
        string set = config.Count == 0 ? "nothing" : string.Join(", ", config.Select(entry => entry.Key));
        return new FieldFaultException(new FieldFault(key, $"is not set; set: {set}"));
    }

    private static Command CreateSet()
    {
        Argument<string> name = Name();
        var value = new Argument<string>("VALUE") { Description = "Its value: JSON, or a text" };
        var command = new Command("set", "Sets a default") { name, value };
        command.SetAction(parsed =>
        {
            string key = parsed.GetValue(name)!;
            JsonNode? given = OptionText.Json(parsed.GetValue(value)!);
            var faults = new List<FieldFault>();
            UserConfig.Check(key, given, key, faults);
            if (key == UserConfig.Server && faults.Count == 0)
            {
                ServerOption.Checked(
                    key, ((string)given!).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), ServerOption.Allowed);
            }
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            JsonObject config = UserConfig.ReadToChange();
            config[key] = given;
            UserConfig.Write(config);
            WarnOfModel(key, given, config);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Says that a model is not on this machine. It may be one of a server, so it is not refused.</summary>
    private static void WarnOfModel(string key, JsonNode? given, JsonObject config)
    {
        if (key == "model" && given is JsonValue value && value.TryGetValue(out string? model) && !config.ContainsKey(UserConfig.Server)
            && !Directory.Exists(model) && !File.Exists(model))
        {
            ModelCatalog catalog = ModelCatalog.Create([]);
            string[] known = [.. catalog.List().Concat(catalog.ListCascades()).Select(found => found.Name)];
            if (!known.Contains(model))
            {
                Console.Error.WriteLine(
                    $"\"{model}\" is no model of this machine{Spelling.Hint(model, known)}; known: {string.Join(", ", known)}. "
                        + "It is set, because a server may have it");
            }
        }
    }

    private static Command CreateUnset()
    {
        Argument<string> name = Name();
        var command = new Command("unset", "Removes a default") { name };
        command.SetAction(parsed =>
        {
            string key = parsed.GetValue(name)!;
            JsonObject config = UserConfig.ReadToChange();
            if (!config.Remove(key))
            {
                throw NotSet(key, config);
            }
            UserConfig.Write(config);
            return ExitCode.Success;
        });
        return command;
    }

    private static Argument<string> Name()
    {
        var name = new Argument<string>("NAME") { Description = "A field of a request (docs/request.md), or server" };
        name.CompletionSources.Add([.. UserConfig.Known]);
        return name;
    }
}
