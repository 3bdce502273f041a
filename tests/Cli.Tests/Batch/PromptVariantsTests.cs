using Brownian.Cli.Batch;
using CsCheck;

namespace Brownian.Cli.Tests.Batch;

/// <summary>Variants in prompts.</summary>
public sealed class PromptVariantsTests
{
    [Fact]
    public void Each_alternative_is_chosen_by_some_seed_and_always_by_the_same_one()
    {
        string[] chosen = [.. Choices("prompt")];

        string[] all = [.. from one in (string[])["red", "green", ""] from two in (string[])["b", "c", "d"] select $"a {one} {two}"];
        Assert.Equal(all.Order(StringComparer.Ordinal), chosen.Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(chosen, Choices("prompt"));
        Assert.NotEqual(chosen, Choices("negative_prompt"));

        static IEnumerable<string> Choices(string field) =>
            Enumerable.Range(0, 100).Select(seed => new PromptVariants(null).Choose("a {red|green|} {b|{c|d}}", (ulong)seed, field));
    }

    [Fact]
    public void A_wildcard_is_a_line_of_its_file_with_its_own_variants()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Combine("more"));
        File.WriteAllText(folder.Combine("fruit.txt"), "# comment\napple\n\n  pear  \n__more/nuts__\n");
        File.WriteAllText(folder.Combine("more", "nuts.txt"), "{hazel|wal}nut");
        var variants = new PromptVariants(folder.FullPath);

        string[] chosen = [.. Enumerable.Range(0, 100).Select(seed => variants.Choose("a __fruit__, flat", (ulong)seed, "prompt")).Distinct()];

        Assert.Equal(
            ["a apple, flat", "a hazelnut, flat", "a pear, flat", "a walnut, flat"], chosen.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("snake_case and __ alone")]
    [InlineData("(a:1.2) [b] <c>")]
    public void Other_text_stays_as_it_is(string text)
    {
        Assert.False(PromptVariants.AreIn(text));
        Assert.Equal(text, new PromptVariants(null).Choose(text, 1, "prompt"));
    }

    [Fact]
    public void A_backslash_makes_braces_characters() =>
        Assert.Equal("{a|b} } |", new PromptVariants(null).Choose(@"\{a|b\} } |", 1, "prompt"));

    [Theory]
    [InlineData("a {b", "has a { without a } at character 3")]
    [InlineData("__fruit__", "names the wildcard __fruit__; allowed: --wildcards FOLDER, with a file fruit.txt in the folder")]
    public void Variants_that_cannot_be_chosen_are_faults(string text, string says) => Assert.StartsWith(
        says, Assert.Throws<InvalidDataException>(() => new PromptVariants(null).Choose(text, 1, "prompt")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_names_itself_or_does_not_exist_is_a_fault()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.Combine("loop.txt"), "a __loop__");
        File.WriteAllText(folder.Combine("empty.txt"), "# nothing\n");
        var variants = new PromptVariants(folder.FullPath);

        Assert.Contains("up to 16 levels", Refusal("__loop__"), StringComparison.Ordinal);
        Assert.Contains("has no line", Refusal("__empty__"), StringComparison.Ordinal);
        Assert.Contains("(did you mean loop?)", Refusal("__lop__"), StringComparison.Ordinal);

        string Refusal(string text) => Assert.Throws<InvalidDataException>(() => variants.Choose(text, 1, "prompt")).Message;
    }

    [Fact]
    public void Any_text_ends_with_a_prompt_or_a_fault() => Gen.String[Gen.Char["{}|\\_ab"], 0, 30].Sample(text =>
    {
        try
        {
            string chosen = new PromptVariants(null).Choose(text, 7, "prompt");
            Assert.True(chosen.Length <= text.Length);
        }
        catch (InvalidDataException)
        {
            Assert.True(PromptVariants.AreIn(text));
        }
    });
}
