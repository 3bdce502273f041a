namespace Brownian.Inference.Engines;

/// <summary>
/// The bindings of a graph for recently used sizes: the same buffers for the same size. Not safe for concurrent use. Allocates nothing for a size in
/// the cache.
/// </summary>
/// <param name="make">Creates the binding of a size.</param>
internal sealed class BindingCache<TSize, TBinding>(Func<TSize, TBinding> make) : IDisposable
    where TSize : struct, IEquatable<TSize>
    where TBinding : IDisposable
{
    /// <summary>The maximum number of sizes in the cache.</summary>
    private const int Max = 4;

    private readonly List<(TSize Size, TBinding Binding)> _kept = [];

    /// <summary>Returns the binding of a size, valid only until the next call: the least recently used binding is disposed.</summary>
    public TBinding Get(TSize size)
    {
        for (int i = _kept.Count - 1; i >= 0; i--)
        {
            if (_kept[i] is var known && known.Size.Equals(size))
            {
                // The most recently used binding is last.
                _kept.RemoveAt(i);
                _kept.Add(known);
                return known.Binding;
            }
        }
        if (_kept.Count == Max)
        {
            _kept[0].Binding.Dispose();
            _kept.RemoveAt(0);
        }
        TBinding binding = make(size);
        _kept.Add((size, binding));
        return binding;
    }

    public void Dispose()
    {
        foreach ((_, TBinding binding) in _kept)
        {
            binding.Dispose();
        }
        // Cleared so that a reference to this object keeps no buffers alive.
        _kept.Clear();
    }
}
