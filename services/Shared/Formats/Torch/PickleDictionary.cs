namespace Brownian.Formats.Torch;

/// <summary>A Python dictionary, in the order of insertion.</summary>
internal sealed class PickleDictionary
{
    private readonly List<KeyValuePair<object?, object?>> _entries = [];

    /// <summary>The entries. A key that was set twice is there twice; the last one counts.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Entries => _entries;

    /// <summary>Sets an entry.</summary>
    public void Set(object? key, object? value) => _entries.Add(KeyValuePair.Create(key, value));

    /// <summary>Returns the value of a text; null when there is none.</summary>
    public object? Find(string key) => _entries.FindLast(entry => entry.Key is string text && text == key).Value;
}
