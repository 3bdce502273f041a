using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Brownian.Formats.Files;

namespace Brownian.Cli.Remote;

/// <summary><c>--ca</c>: the CAs that issue the certificates of gateways with https.</summary>
internal sealed class AuthorityOption
{
    /// <summary>The environment variable that replaces the option.</summary>
    public const string Variable = "BROWNIAN_CA";

    private const string Name = "--ca";

    private readonly Option<string?> _file = new(Name)
    {
        HelpName = "FILE",
        Description = $"A PEM file with the CAs of gateways with https; when not given, the file in {Variable}, or the system's CAs",
    };

    /// <summary>The option itself.</summary>
    public Option Option => _file;

    /// <summary>Reads the CAs; null for those of the system.</summary>
    /// <exception cref="FieldFaultException">The file cannot be read or has no certificate.</exception>
    public X509Certificate2Collection? Read(ParseResult parsed)
    {
        string? given = parsed.GetValue(_file);
        (string option, string? file) = given is null ? (Variable, Environment.GetEnvironmentVariable(Variable)) : (Name, given);
        if (given is null && string.IsNullOrEmpty(file))
        {
            return null;
        }
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file!);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw new FieldFaultException(new FieldFault(option, $"{file} cannot be read: {FileReason.Of(exception, file!)}"));
        }
        return authorities.Count > 0
            ? authorities
            : throw new FieldFaultException(new FieldFault(option, $"{file} has no certificate; allowed: a PEM file with the CAs"));
    }
}
