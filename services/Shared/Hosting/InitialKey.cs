using Brownian.Jobs.Access;

namespace Brownian.Hosting;

/// <summary>The first API key of an installation.</summary>
/// <param name="Text">The key; null for none.</param>
/// <param name="File">The file that contains it; null for a key of the settings.</param>
public sealed record InitialKey(KeyText? Text, string? File)
{
    /// <summary>Replaces the key in the file by the one with which it was rotated, so that commands of the same machine go on.</summary>
    /// <param name="id">The id of the key that was rotated.</param>
    /// <param name="rotated">The new key.</param>
    /// <returns>Whether the file contained the key.</returns>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written.</exception>
    public bool Rotate(string id, KeyText rotated)
    {
        if (File is null || !System.IO.File.Exists(File)
            || !KeyText.TryParse(System.IO.File.ReadAllText(File).Trim(), out KeyText? stored) || stored.Id != id)
        {
            return false;
        }
        SecretFile.Write(File, rotated.ToString());
        return true;
    }

    /// <summary>The file in a data folder that contains the first API key.</summary>
    public const string FileName = "api-key";

    /// <summary>
    /// Reads the key of the settings; without one, reads that of the data folder, where it is created at the first start, if credentials are
    /// required.
    /// </summary>
    /// <param name="options">The settings.</param>
    /// <param name="folder">A data folder; null when there is none.</param>
    /// <exception cref="FieldFaultException">
    /// The folder's file cannot be read or written, or contains no key; or credentials are required, and no caller could get any.
    /// </exception>
    public static InitialKey Read(PlatformOptions options, string? folder)
    {
        if (options.InitialKey is { } given && KeyText.TryParse(given, out KeyText? key))
        {
            return new InitialKey(key, null);
        }
        if (options.IsCluster || !options.RequiresAuthentication)
        {
            return new InitialKey(null, null);
        }
        if (folder is null)
        {
            return options.OperatorToken is { Length: > 0 } || options.OidcAuthority is not null
                ? new InitialKey(null, null)
                : throw new FieldFaultException(new FieldFault(
                    PlatformOptions.Field(nameof(PlatformOptions.Authentication)),
                    "is required, and nobody could get a key: a process without a data folder needs InitialKey, OperatorToken or OidcAuthority"));
        }
        string file = Path.Combine(folder, FileName);
        string text = SecretFile.ReadOrCreate(file, "the first API key", () => KeyText.Create().ToString());
        return KeyText.TryParse(text, out KeyText? stored)
            ? new InitialKey(stored, file)
            : throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.DataFolder)), $"{file} contains no API key; remove it to get a new one"));
    }
}
