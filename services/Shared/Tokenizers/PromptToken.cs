namespace Brownian.Tokenizers;

/// <summary>A token that is added to a tokenizer for the vectors of a textual inversion.</summary>
/// <param name="Text">The token's text in a prompt, where its case does not matter.</param>
/// <param name="Vectors">The number of its vectors, at least 1; each has an id.</param>
public sealed record PromptToken(string Text, int Vectors)
{
    /// <summary>The names of the vectors, in the order of their ids: <c>TEXT</c>, <c>TEXT_1</c>, <c>TEXT_2</c>.</summary>
    public IEnumerable<string> Names =>
        Enumerable.Range(0, Vectors).Select(vector => vector == 0 ? Text : string.Create(CultureInfo.InvariantCulture, $"{Text}_{vector}"));
}
