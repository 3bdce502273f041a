namespace Brownian.Tokenizers;

/// <summary>A token that is added to a tokenizer, for vectors of a textual inversion.</summary>
/// <param name="Text">What stands for it in a prompt; its case does not matter there.</param>
/// <param name="Vectors">Its vectors, at least 1; each has an id.</param>
public sealed record PromptToken(string Text, int Vectors)
{
    /// <summary>What each vector is called, in the order of the ids: <c>TEXT</c>, <c>TEXT_1</c>, <c>TEXT_2</c>.</summary>
    public IEnumerable<string> Names =>
        Enumerable.Range(0, Vectors).Select(vector => vector == 0 ? Text : string.Create(CultureInfo.InvariantCulture, $"{Text}_{vector}"));
}
