using System.CommandLine;
using Brownian.Formats.Files;
using Brownian.Hosting;

namespace Brownian.Cli.Remote;

/// <summary>
/// <c>--api-key</c>: the credentials that a command sends to gateways. Without the option: the environment variable, the line of the gateway in the
/// credentials file, or, for a gateway on this machine, the first key of a server with the default data folder.
/// </summary>
internal sealed class CredentialsOption
{
    /// <summary>The environment variable that replaces the option.</summary>
    public const string Variable = "BROWNIAN_API_KEY";

    /// <summary>The environment variable that names another credentials file.</summary>
    public const string FileVariable = "BROWNIAN_CREDENTIALS";

    private readonly Option<string?> _key = new("--api-key")
    {
        Description = $"An API key or a token for the gateway; when not given, the value of {Variable} or the gateway's line in the credentials file",
        HelpName = "KEY",
    };

    /// <summary>The default credentials file.</summary>
    public static string DefaultFile { get; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify), "brownian", "credentials");

    /// <summary>The option itself.</summary>
    public Option Option => _key;

    /// <summary>Returns how to give credentials, for messages about missing ones.</summary>
    public static string Remedy { get; } = $"give --api-key KEY, {Variable}, or a line of the gateway in {DefaultFile}";

    /// <summary>Returns the credentials for a gateway, or null when there are none.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="address">The gateway's address.</param>
    /// <exception cref="FieldFaultException">The credentials file cannot be read, or a line of it is wrong.</exception>
    public SentSecret? Find(ParseResult parsed, string address)
    {
        if (parsed.GetValue(_key) is { Length: > 0 } given)
        {
            return new SentSecret(given, "--api-key");
        }
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable)
        {
            return new SentSecret(variable, Variable);
        }
        return FindInFile(address) ?? LocalSecret.Find(InitialKey.FileName, address);
    }

    private static SentSecret? FindInFile(string address)
    {
        string? other = Environment.GetEnvironmentVariable(FileVariable);
        string file = string.IsNullOrEmpty(other) ? DefaultFile : other;
        string[] lines;
        try
        {
            if (string.IsNullOrEmpty(other) && !File.Exists(file))
            {
                return null;
            }
            lines = File.ReadAllLines(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("credentials", $"{file} cannot be read: {FileReason.Of(exception, file)}"));
        }
        SentSecret? found = null;
        var faults = new List<FieldFault>();
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            string[] parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length != 2 || !Uri.TryCreate(parts[0], UriKind.Absolute, out Uri? uri))
            {
                // Without the line, which may contain a secret.
                faults.Add(new FieldFault(
                    string.Create(CultureInfo.InvariantCulture, $"{file}:{i + 1}"),
                    "is not a gateway's address and a key, such as https://host:5081 KEY"));
            }
            else if (Uri.Compare(
                uri, new Uri(address), UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0)
            {
                found ??= new SentSecret(parts[1], file);
            }
        }
        return faults.Count == 0 ? found : throw new FieldFaultException(faults);
    }
}
