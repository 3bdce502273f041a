using System.CommandLine;
using System.Text.Json.Nodes;
using Brownian.Cli.Settings;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian config</c>: shows and changes the user's defaults.</summary>
internal static class ConfigCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var command = new Command("config", "Shows and changes your defaults: fields of requests, and a server") { CreateSet(), CreateUnset() }
            .WithExamples("brownian config set steps 30", "brownian config set scheduler dpm++_2m_karras", "brownian config unset steps");
        command.SetAction(_ =>
        {
            Console.Error.WriteLine(
                UserConfig.FilePath + (File.Exists(UserConfig.FilePath) ? "" : " does not exist; \"brownian config set\" makes it"));
            foreach ((string name, JsonNode? value) in UserConfig.Read())
            {
                Console.Out.WriteLine($"{name} = {value?.ToJsonString()}");
            }
            return ExitCode.Success;
        });
        return command;
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
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            JsonObject config = UserConfig.Read();
            config[key] = given;
            UserConfig.Write(config);
            return ExitCode.Success;
        });
        return command;
    }

    private static Command CreateUnset()
    {
        Argument<string> name = Name();
        var command = new Command("unset", "Removes a default") { name };
        command.SetAction(parsed =>
        {
            string key = parsed.GetValue(name)!;
            JsonObject config = UserConfig.Read();
            if (!config.Remove(key))
            {
                string[] set = [.. config.Select(entry => entry.Key)];
                throw new FieldFaultException(FieldFault.Of(
                    "NAME", key, set.Length == 0 ? "none, because no default is set" : string.Join(", ", set), Spelling.Hint(key, set)));
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
