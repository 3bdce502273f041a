using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The last tensors of a multistep method, the newest at index 0. Its buffers are allocated once and reused in rotation.</summary>
/// <param name="capacity">The maximum number of tensors.</param>
internal sealed class History(int capacity)
{
    private readonly float[][] _buffers = new float[capacity][];
    private int _newest;

    /// <summary>The number of tensors.</summary>
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

    /// <summary>Adds a new tensor, replacing the oldest one when the history is full.</summary>
    /// <returns>The buffer for the tensor; its content is undefined.</returns>
    public Span<float> Push(int length)
    {
        _newest = (_newest + capacity - 1) % capacity;
        Count = Math.Min(Count + 1, capacity);
        if (_buffers[_newest] is not { } newest || newest.Length != length)
        {
            // Allocates all buffers at once, so that only a run's first evaluation allocates.
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

    /// <summary>destination = Σ weights[age] this[age], with products and sums computed one after the other.</summary>
    /// <param name="weights">The weights of the newest tensors, at least one and at most <see cref="Count"/>.</param>
    /// <param name="destination">Has the length of the tensors.</param>
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

    /// <param name="reader">The saved state.</param>
    /// <param name="evaluations">The number of evaluations before the saved state, each of which adds at most one tensor.</param>
    public void Restore(StateReader reader, int evaluations)
    {
        int count = reader.ReadInt32(), most = Math.Min(capacity, evaluations);
        if (count < 0 || count > most)
        {
            throw new InvalidDataException($"Saved history has {count} tensors, the most is {most}");
        }
        Clear();
        for (int i = 0; i < count; i++)
        {
            float[] values = reader.ReadSingles();
            values.CopyTo(Push(values.Length));
        }
    }
}
