namespace Brownian.Formats.Tensors;

/// <summary>
/// Computes the number of elements of a shape with overflow checks: the shape may come from a file or a message, and a product that overflows would
/// look small.
/// </summary>
public static class ElementCount
{
    /// <summary>Returns the product of the dimensions.</summary>
    /// <param name="shape">The size of every dimension.</param>
    /// <returns>Null when a dimension is negative, or the product exceeds 63 bits.</returns>
    public static long? Of(IEnumerable<int> shape) => Of(shape.Select(side => (long)side));

    /// <inheritdoc cref="Of(IEnumerable{int})"/>
    public static long? Of(IEnumerable<long> shape)
    {
        long product = 1;
        bool isTooLarge = false, isEmpty = false;
        foreach (long side in shape)
        {
            if (side < 0)
            {
                return null;
            }
            isEmpty |= side == 0;
            isTooLarge |= side > 0 && product > long.MaxValue / side;
            product = isTooLarge ? product : product * Math.Max(side, 1);
        }
        return isEmpty ? 0 : isTooLarge ? null : product;
    }
}
