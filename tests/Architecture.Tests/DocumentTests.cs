using System.Text.RegularExpressions;
using Brownian.Tests.Programs;

namespace Brownian.Architecture.Tests;

/// <summary>The documentation's files refer to each other.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents =>
    [
        .. Directory.GetFiles(Repository.Root, "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file))
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "artifacts" or "node_modules" or "bin" or "obj"))
            .Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_link_of_a_document_leads_to_a_file_and_a_heading_that_exist(string document)
    {
        string path = Repository.Combine(document);
        string[] wrong =
        [
            .. LinkTarget().Matches(WithoutCode(File.ReadAllText(path))).Select(match => match.Groups[1].Value)
                .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal))
                .Where(target => !Exists(path, target)),
        ];
        Assert.Equal([], wrong);
    }

    [Fact]
    public void Every_page_is_in_the_README()
    {
        string readme = Repository.Read("README.md");
        string[] missing =
        [
            .. Directory.GetFiles(Repository.Combine("docs"), "*.md").Select(file => "docs/" + Path.GetFileName(file))
                .Where(page => !readme.Contains($"({page}", StringComparison.Ordinal)),
        ];
        Assert.Equal([], missing);
    }

    private static bool Exists(string document, string target)
    {
        string[] parts = target.Split('#', 2);
        string file = parts[0].Length == 0 ? document : Path.Combine(Path.GetDirectoryName(document)!, Uri.UnescapeDataString(parts[0]));
        return (File.Exists(file) || Directory.Exists(file))
            && (parts.Length == 1 || Anchors(File.ReadAllText(file)).Contains(parts[1]));
    }

    /// <summary>The anchors that GitHub gives headings: lower case, no punctuation, hyphens for spaces.</summary>
    private static HashSet<string> Anchors(string text) =>
    [
        .. Heading().Matches(WithoutCode(text))
            .Select(match => NotInAnchors().Replace(match.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')),
    ];

    private static string WithoutCode(string text) => CodeBlock().Replace(text, "");

    [GeneratedRegex(@"\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)")]
    private static partial Regex LinkTarget();

    [GeneratedRegex(@"^#{1,6} (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N}_ -]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
