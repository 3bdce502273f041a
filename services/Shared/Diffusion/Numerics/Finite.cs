using System.Numerics;

namespace Brownian.Diffusion.Numerics;

/// <summary>Finds NaN and infinity.</summary>
public static class Finite
{
    /// <summary>Returns whether every value is a finite number.</summary>
    public static bool All(ReadOnlySpan<float> values)
    {
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var value = new Vector<float>(values[i..]);
            // The difference of a value and itself is 0 only for finite numbers.
            if (!Vector.EqualsAll(value - value, Vector<float>.Zero))
            {
                return false;
            }
        }
        for (; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                return false;
            }
        }
        return true;
    }
}
