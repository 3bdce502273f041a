using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian keys</c>: creates, lists, revokes and rotates API keys.</summary>
internal static class KeysCommand
{
    public static Command Create() => new("keys", "Manages the API keys of a server: create, list, revoke, rotate")
    {
        CreateCreate(), CreateList(), CreateRevoke(), CreateRotate(),
    };

    private static Command CreateCreate()
    {
        var operators = new OperatorsOption();
        var tenant = new Option<string?>("--tenant")
        {
            Description = "The tenant that its callers act for; default when not given",
            HelpName = "NAME",
        };
        var name = new Option<string?>("--name") { Description = "A name for people", HelpName = "TEXT" };
        var role = new Option<string?>("--role") { Description = "user, operator or admin; user when not given", HelpName = "ROLE" };
        var scopes = new Option<string[]>("--scope")
        {
            Description = "A scope to which the key is restricted: read, generate, stages, metrics, operate, admin; can be repeated",
            HelpName = "SCOPE",
            DefaultValueFactory = _ => [],
        };
        var lifetime = new Option<string?>("--expires-in")
        {
            Description = "When the key ends, such as 90d or 12h; never when not given",
            HelpName = "TIME",
        };
        var json = new Option<bool>("--json") { Description = "Write the key to standard output as JSON" };
        var command = new Command("create", "Creates a key and writes its text, which is shown only once")
        {
            tenant, name, role, scopes, lifetime, json,
        };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var request = new CreateKeyRequest
            {
                Tenant = parsed.GetValue(tenant) ?? "",
                Name = parsed.GetValue(name) ?? "",
                Role = parsed.GetValue(role) ?? "",
                ExpireTime = parsed.GetValue(lifetime) is { } text
                    ? Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow() + Lifetimes.Read("--expires-in", text))
                    : null,
            };
            request.Scopes.Add(parsed.GetValue(scopes));
            return operators.CallAsync(
                parsed,
                async client => Write(parsed, json, await client.Access.CreateKeyAsync(request, cancellationToken: cancellationToken)),
                cancellationToken);
        });
        return command;
    }

    private static Command CreateList()
    {
        var operators = new OperatorsOption();
        var tenant = new Option<string?>("--tenant") { Description = "Only keys of this tenant", HelpName = "NAME" };
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("list", "Lists keys, the oldest first; their texts are not stored") { tenant, json };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) => operators.CallAsync(
            parsed,
            async client =>
            {
                ListKeysResponse response = await client.Access.ListKeysAsync(
                    new ListKeysRequest { Tenant = parsed.GetValue(tenant) ?? "" }, cancellationToken: cancellationToken);
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(JobText.Json(response));
                    return ExitCode.Success;
                }
                foreach (Key key in response.Keys)
                {
                    Console.Out.WriteLine(Line(key));
                }
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static Command CreateRevoke()
    {
        var operators = new OperatorsOption();
        var id = new Argument<string>("ID") { Description = "A key's id, as keys list shows it" };
        var command = new Command("revoke", "Ends a key at once, at every gateway") { id };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) => operators.CallAsync(
            parsed,
            async client =>
            {
                Console.Out.WriteLine(Line(await client.Access.RevokeKeyAsync(
                    new RevokeKeyRequest { Id = parsed.GetValue(id)! }, cancellationToken: cancellationToken)));
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static Command CreateRotate()
    {
        var operators = new OperatorsOption();
        var id = new Argument<string>("ID") { Description = "A key's id, as keys list shows it" };
        var overlap = new Option<string?>("--overlap")
        {
            Description = "How long the old key stays valid, such as 1h; 24h when not given",
            HelpName = "TIME",
        };
        var json = new Option<bool>("--json") { Description = "Write the new key to standard output as JSON" };
        var command = new Command("rotate", "Creates a key like another one, which ends after a time") { id, overlap, json };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var request = new RotateKeyRequest
            {
                Id = parsed.GetValue(id)!,
                Overlap = parsed.GetValue(overlap) is { } text ? Duration.FromTimeSpan(Lifetimes.Read("--overlap", text)) : null,
            };
            return operators.CallAsync(
                parsed,
                async client =>
                {
                    CreatedKey created = await client.Access.RotateKeyAsync(request, cancellationToken: cancellationToken);
                    if (!parsed.GetValue(json))
                    {
                        Console.Error.WriteLine($"{request.Id} stays valid for {parsed.GetValue(overlap) ?? "24h"}");
                    }
                    return Write(parsed, json, created);
                },
                cancellationToken);
        });
        return command;
    }

    /// <summary>Writes a new key: its text to standard output, so that it can be piped, and what it is to standard error.</summary>
    private static int Write(ParseResult parsed, Option<bool> json, CreatedKey created)
    {
        if (parsed.GetValue(json))
        {
            Console.Out.WriteLine(JobText.Json(created));
            return ExitCode.Success;
        }
        Console.Out.WriteLine(created.Text);
        Console.Error.WriteLine(Line(created.Key));
        return ExitCode.Success;
    }

    private static string Line(Key key) => string.Join(
        "    ",
        (
            (string[])
            [
                key.Id, key.Tenant, key.Role, string.Join(",", key.Scopes), key.Name,
                $"created {Time(key.CreateTime)}",
                key.RevokeTime is { } revoked ? $"revoked {Time(revoked)}"
                : key.ExpireTime is { } end ? $"{(end.ToDateTime() > DateTime.UtcNow ? "ends" : "ended")} {Time(end)}"
                : "",
            ])
            .Where(part => part.Length > 0));

    private static string Time(Timestamp time) => time.ToDateTime().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
