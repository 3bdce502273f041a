using Brownian.Hosting;

namespace Brownian.Cli.Remote;

/// <summary>The secrets that a server of this user on this machine keeps in the default data folder while it runs.</summary>
internal static class LocalSecret
{
    /// <summary>Returns a secret for an address, with the file that contains it; null when the default data folder's server is another one.</summary>
    /// <param name="name">The name of the secret's file.</param>
    /// <param name="address">The address to which the secret would be sent.</param>
    public static SentSecret? Find(string name, string address)
    {
        var uri = new Uri(address);
        string file = Path.Combine(PlatformOptions.DefaultDataFolder, name);
        try
        {
            return uri.IsLoopback && ServedPorts.Contain(PlatformOptions.DefaultDataFolder, uri.Port) && File.Exists(file)
                ? new SentSecret(File.ReadAllText(file).Trim(), file)
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The folder belongs to another user's server; the call reports that credentials are missing.
            return null;
        }
    }
}
