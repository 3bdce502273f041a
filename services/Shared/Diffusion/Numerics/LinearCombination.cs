using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Brownian.Diffusion.Numerics;

/// <summary>
/// Computes weighted sums of tensors in one pass, element by element and left to right. Each product and sum is rounded to float32, as in the
/// reference's separate operations. The destination may be one of the sources; all lengths must be equal.
/// </summary>
internal static class LinearCombination
{
    /// <summary>destination = a x.</summary>
    public static void Of(float a, ReadOnlySpan<float> x, Span<float> destination)
    {
        Check(x.Length, destination.Length);
        ref float px = ref MemoryMarshal.GetReference(x);
        ref float pd = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= destination.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (Load(ref px, i) * a).StoreUnsafe(ref pd, (nuint)i);
        }
        for (; i < destination.Length; i++)
        {
            destination[i] = a * x[i];
        }
    }

    /// <summary>destination = a x + b y.</summary>
    public static void Of(float a, ReadOnlySpan<float> x, float b, ReadOnlySpan<float> y, Span<float> destination)
    {
        Check(x.Length, destination.Length);
        Check(y.Length, destination.Length);
        ref float px = ref MemoryMarshal.GetReference(x);
        ref float py = ref MemoryMarshal.GetReference(y);
        ref float pd = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= destination.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (Load(ref px, i) * a + Load(ref py, i) * b).StoreUnsafe(ref pd, (nuint)i);
        }
        for (; i < destination.Length; i++)
        {
            destination[i] = a * x[i] + b * y[i];
        }
    }

    /// <summary>destination = a x + b y + c z.</summary>
    public static void Of(
        float a, ReadOnlySpan<float> x, float b, ReadOnlySpan<float> y, float c, ReadOnlySpan<float> z, Span<float> destination)
    {
        Check(x.Length, destination.Length);
        Check(y.Length, destination.Length);
        Check(z.Length, destination.Length);
        ref float px = ref MemoryMarshal.GetReference(x);
        ref float py = ref MemoryMarshal.GetReference(y);
        ref float pz = ref MemoryMarshal.GetReference(z);
        ref float pd = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= destination.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (Load(ref px, i) * a + Load(ref py, i) * b + Load(ref pz, i) * c).StoreUnsafe(ref pd, (nuint)i);
        }
        for (; i < destination.Length; i++)
        {
            destination[i] = a * x[i] + b * y[i] + c * z[i];
        }
    }

    /// <summary>destination = a x + b y + c z + d w.</summary>
    public static void Of(
        float a, ReadOnlySpan<float> x, float b, ReadOnlySpan<float> y, float c, ReadOnlySpan<float> z, float d, ReadOnlySpan<float> w,
        Span<float> destination)
    {
        Check(x.Length, destination.Length);
        Check(y.Length, destination.Length);
        Check(z.Length, destination.Length);
        Check(w.Length, destination.Length);
        ref float px = ref MemoryMarshal.GetReference(x);
        ref float py = ref MemoryMarshal.GetReference(y);
        ref float pz = ref MemoryMarshal.GetReference(z);
        ref float pw = ref MemoryMarshal.GetReference(w);
        ref float pd = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        for (; i <= destination.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (Load(ref px, i) * a + Load(ref py, i) * b + Load(ref pz, i) * c + Load(ref pw, i) * d).StoreUnsafe(ref pd, (nuint)i);
        }
        for (; i < destination.Length; i++)
        {
            destination[i] = a * x[i] + b * y[i] + c * z[i] + d * w[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Load(ref float start, int index) => Vector.LoadUnsafe(ref start, (nuint)index);

    private static void Check(int source, int destination)
    {
        if (source != destination)
        {
            throw new ArgumentException($"A source has {source} elements, the destination {destination}");
        }
    }
}
