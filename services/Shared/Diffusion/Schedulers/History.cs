using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The last few tensors of a multistep method, the newest at 0. Its buffers are made once and then go round.</summary>
/// <param name="capacity">How many are kept.</param>
internal sealed class History(int capacity)
{
    private readonly float[][] _buffers = new float[capacity][];
    private int _newest;

    /// <summary>How many are held.</summary>
    public int Count { get; private set; }

    /// <summary>The tensor of some steps ago.</summary>
    /// <param name="age">0 for the newest, below <see cref="Count"/>.</param>
    public Span<float> this[int age]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(age, Count);
            return _buffers[(_newest + age) % capacity];
        }
    }

    /// <summary>Makes room for a new tensor, forgetting the oldest when full.</summary>
    /// <returns>The place to write it to; its content is undefined.</returns>
    public Span<float> Push(int length)
    {
        _newest = (_newest + capacity - 1) % capacity;
        Count = Math.Min(Count + 1, capacity);
        if (_buffers[_newest] is not { } newest || newest.Length != length)
        {
            // All that will be needed, so that only a run's first evaluation allocates.
            for (int i = 0; i < capacity; i++)
            {
                if (_buffers[i] is null || _buffers[i].Length != length)
                {
                    _buffers[i] = new float[length];
                }
            }
        }
        return _buffers[_newest];
    }

    /// <summary>destination = Σ weights[age] this[age], one product and sum after the other.</summary>
    /// <param name="weights">The weights of the newest tensors, at least one and at most <see cref="Count"/>.</param>
    /// <param name="destination">As long as the tensors.</param>
    public void Combine(ReadOnlySpan<float> weights, Span<float> destination)
    {
        LinearCombination.Of(weights[0], this[0], destination);
        for (int age = 1; age < weights.Length; age++)
        {
            LinearCombination.Of(1, destination, weights[age], this[age], destination);
        }
    }

    public void Clear() => Count = 0;

    public void Save(StateWriter writer)
    {
        writer.Write(Count);
        for (int age = Count - 1; age >= 0; age--)
        {
            writer.Write((ReadOnlySpan<float>)this[age]);
        }
    }

    public void Restore(StateReader reader)
    {
        int count = reader.ReadInt32();
        if (count < 0 || count > capacity)
        {
            throw new InvalidDataException($"Saved history has {count} tensors, the most is {capacity}");
        }
        Clear();
        for (int i = 0; i < count; i++)
        {
            float[] values = reader.ReadSingles();
            values.CopyTo(Push(values.Length));
        }
    }
}
