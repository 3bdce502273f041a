using Brownian.Hosting;

namespace Brownian.Cli.Remote;

/// <summary>The secrets that a server of this user on this machine keeps in the default data folder.</summary>
internal static class LocalSecret
{
    /// <summary>Returns a secret, or null when there is none that this user can read.</summary>
    /// <param name="name">The name of its file.</param>
    public static string? Read(string name)
    {
        string file = Path.Combine(PlatformOptions.DefaultDataFolder, name);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The file belongs to another user's server; the call reports that credentials are missing.
            return null;
        }
    }
}
