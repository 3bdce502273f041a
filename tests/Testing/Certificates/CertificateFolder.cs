using System.Diagnostics;

namespace Brownian.Testing.Certificates;

/// <summary>
/// A folder of a certificate, its key and the CAs as Kubernetes mounts a secret: the files are links into the folder ..data, which is a link itself
/// and is replaced with one rename.
/// </summary>
internal sealed class CertificateFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private int _version;

    public CertificateFolder(TestCertificate own, params string[] authorities)
    {
        foreach (string file in (string[])["tls.crt", "tls.key", "ca.crt"])
        {
            File.CreateSymbolicLink(_folder.Combine(file), Path.Combine("..data", file));
        }
        Replace(own, authorities);
    }

    public string Certificate => _folder.Combine("tls.crt");

    public string Key => _folder.Combine("tls.key");

    public string Authorities => _folder.Combine("ca.crt");

    /// <summary>The settings of a process with these files.</summary>
    public string[] Settings => ["CertificateFile=" + Certificate, "CertificateKeyFile=" + Key, "AuthorityFile=" + Authorities];

    /// <summary>Replaces all files at once.</summary>
    public void Replace(TestCertificate own, params string[] authorities)
    {
        string data = string.Create(CultureInfo.InvariantCulture, $"..version-{++_version}");
        Directory.CreateDirectory(_folder.Combine(data));
        File.WriteAllText(_folder.Combine(data, "tls.crt"), own.Certificate);
        File.WriteAllText(_folder.Combine(data, "tls.key"), own.Key);
        File.WriteAllText(_folder.Combine(data, "ca.crt"), string.Join('\n', authorities));
        Directory.CreateSymbolicLink(_folder.Combine("..data_tmp"), data);
        // .NET does not rename a link to a folder over another one.
        using Process move = Process.Start("mv", ["-T", _folder.Combine("..data_tmp"), _folder.Combine("..data")]);
        move.WaitForExit();
        Assert.Equal(0, move.ExitCode);
    }

    public void Dispose() => _folder.Dispose();
}
