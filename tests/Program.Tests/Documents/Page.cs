namespace Brownian.Program.Tests.Documents;

/// <summary>A page of the documentation.</summary>
/// <param name="name">Its path, such as <c>docs/tls.md</c>.</param>
internal sealed class Page(string name)
{
    private readonly string[] _lines = File.ReadAllLines(Repository.Combine(name.Split('/')));

    /// <summary>The content of the first block of code in a language.</summary>
    public string Block(string language)
    {
        string[] rest = [.. _lines.SkipWhile(line => line != "```" + language).Skip(1)];
        Assert.NotEmpty(rest);
        return string.Join('\n', rest.TakeWhile(line => line != "```")) + "\n";
    }
}
