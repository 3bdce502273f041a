namespace Brownian.Inference.Engines;

/// <summary>
/// The bindings of a graph for the sizes that were asked for lately: the same buffers for the same size. Used by one thread at a time.
/// Allocates nothing for a size that is kept.
/// </summary>
/// <param name="make">Makes the binding of a size.</param>
internal sealed class BindingCache<TSize, TBinding>(Func<TSize, TBinding> make) : IDisposable
    where TSize : struct, IEquatable<TSize>
    where TBinding : IDisposable
{
    /// <summary>Bindings of so many sizes are kept.</summary>
    private const int Max = 4;

    private readonly List<(TSize Size, TBinding Binding)> _kept = [];

    /// <summary>The binding of a size. Only until the next call: one that was long not asked for is disposed.</summary>
    public TBinding Get(TSize size)
    {
        for (int i = _kept.Count - 1; i >= 0; i--)
        {
            if (_kept[i] is var known && known.Size.Equals(size))
            {
                // The newest stand last.
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
        // A reference to this object keeps no buffers alive.
        _kept.Clear();
    }
}
