using System.Reflection;
using System.Text.RegularExpressions;
using Brownian.Tests.Programs;

namespace Brownian.Architecture.Tests;

/// <summary>The types and members that the glossary names exist.</summary>
public sealed partial class GlossaryTests
{
    private static readonly ILookup<string, Type> Types = Directory
        .GetFiles(AppContext.BaseDirectory, "Brownian.*.dll").Where(file => !file.EndsWith(".Tests.dll", StringComparison.Ordinal))
        .SelectMany(file => Assembly.LoadFrom(file).GetTypes()).ToLookup(type => type.Name);

    /// <summary>Every type or member in the last column of the page.</summary>
    public static TheoryData<string> Named =>
    [
        .. File.ReadAllLines(Repository.Combine("docs", "glossary.md")).Where(line => line.StartsWith('|'))
            .SelectMany(line => Code().Matches(line.Split('|')[3]).Select(match => match.Groups[1].Value)),
    ];

    [Theory]
    [MemberData(nameof(Named))]
    public void A_type_or_member_named_in_the_glossary_exists(string named)
    {
        string[] parts = named.Split('.');
        Type[] types = [.. Types[parts[0]]];

        Assert.NotEmpty(types);
        if (parts is [_, var member])
        {
            Assert.Contains(types, type => type.GetMember(member, BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance).Length > 0);
        }
    }

    [GeneratedRegex("`([A-Z][A-Za-z.]+)`")]
    private static partial Regex Code();
}
