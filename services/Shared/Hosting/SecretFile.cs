namespace Brownian.Hosting;

/// <summary>A file with one secret, which only its user can read.</summary>
internal static class SecretFile
{
    /// <summary>Returns the secret of a file, which is created when it does not exist.</summary>
    /// <param name="file">The file.</param>
    /// <param name="what">What the secret is, for messages.</param>
    /// <param name="create">Creates the secret.</param>
    /// <exception cref="FieldFaultException">The file cannot be read or written.</exception>
    public static string ReadOrCreate(string file, string what, Func<string> create)
    {
        try
        {
            if (File.Exists(file))
            {
                return File.ReadAllText(file).Trim();
            }
            string secret = create();
            Write(file, secret);
            return secret;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.DataFolder)), $"{what} cannot be stored in {file}: {exception.Message}"));
        }
    }

    /// <summary>Writes or replaces a secret, whole or not at all.</summary>
    /// <param name="file">The file.</param>
    /// <param name="secret">The secret.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be written.</exception>
    public static void Write(string file, string secret)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        string aside = file + ".new";
        using (var writer = new StreamWriter(aside, options))
        {
            writer.WriteLine(secret);
        }
        File.Move(aside, file, overwrite: true);
    }
}
