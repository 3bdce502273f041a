using System.CommandLine;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian request reference</c> and <c>schema</c>: the fields of a request.</summary>
internal static class RequestCommand
{
    public static Command Create() => new("request", "Shows the fields of a request")
    {
        Print("reference", "Every field with its values, its default and the models that support it, as Markdown", RequestReference.ToMarkdown),
        Print("schema", "The JSON Schema of a request file", RequestSchema.ToJsonSchemaText),
    };

    private static Command Print(string name, string description, Func<string> text)
    {
        var command = new Command(name, description);
        command.SetAction(_ =>
        {
            Console.Out.Write(text());
            return ExitCode.Success;
        });
        return command;
    }
}
