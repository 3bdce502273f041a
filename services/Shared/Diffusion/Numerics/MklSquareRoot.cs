namespace Brownian.Diffusion.Numerics;

/// <summary>
/// The square root of float32 as PyTorch's MKL build computes it on the processors that generated the golden cases. It is not the correctly rounded
/// root but has an error of up to three quarters of a unit in the last place, which is visible in fractional timesteps. It is MKL's kernel for
/// processors other than Intel's (<c>vmsSqrt</c>, high accuracy): the processor's approximate reciprocal root, here from a table so that it is the
/// same on every machine, and two coupled Newton steps (Goldschmidt) without fused operations.
/// </summary>
internal static class MklSquareRoot
{
    /// <summary>The value above which the kernel uses another method, as it does for zero and subnormal numbers.</summary>
    private const uint MaxDefault = 0x7F7FF000;

    private const uint MinNormal = 0x00800000;

    /// <summary>
    /// The 12-bit reciprocal roots of a table of 2 x 4096 entries, split in two: a coarse value by the exponent's parity and the mantissa's upper 8
    /// bits (three digits each), minus a correction by the parity, the upper 4 bits and the 4 bits below the upper 8 (one digit each).
    /// </summary>
    private const string CoarseDigits =
        "ffffeffdffd0fc0fb0fa1f92f82f73f64f55f46f37f28f1af0befceeeedfed1ec3eb5ea7e99e8be7de6fe61e54e46e39e2be1ee10e03df6de9ddcdcfdc2db5"
        + "da9d9cd8fd83d76d6ad5dd51d44d38d2cd20d14d08cfccf0ce5cd9ccdcc2cb6cabc9ec93c88c7cc71c66c5bc50c45c3ac2fc24c19c0ec04bf9beebe4bd9bcf"
        + "bc4bbabafba5b9bb91b86b7cb72b68b5eb54b4ab40b36b2cb22b19b0fb05afcaf2ae9adfad6accac3abaab0aa7a9ea94a8ba82a79a70a67a5ea55a4ca43a3b"
        + "a32a29a21a18a0fa079fe9f69ed9e59dc9d49cb9c39bb9b29aa9a299999198998197997196996195995194994193993292a92291a91290b9038fb8f48ec8e5"
        + "8dd8d68ce8c78bf8b88b18a98a289b89488d88587e87787086986285b85484d84683f83883082982281c81580e8078007fa7f37ec7e67df7d87d27cb7c57be"
        + "7b87b17ab7a479e79779178b78477e77877176b76575e75875274c74674073a73372d72772171b71570f7097036fd6f76f16eb6e56e06da6d46ce6c86c36bd"
        + "6b76b16ac6a66a069568a67e67366965e65364863d63362861d6136085fe5f35e95df5d45ca5c05b65ac5a259958f58557b57256855f55554b54253952f526"
        + "51d51450b5024f94f04e74de4d54cc4c34bb4b24a94a149849048747f47746e46645e45544d44543d43542d42541d41540d4053fd3f53ee3e63de3d73cf3c8"
        + "3c03b93b13aa3a239b39438c38537e37736f36836135a35334c34533e33733032932231b31530e3073002fa2f32ec2e62df2d92d22cc2c52bf2b82b22ac2a5"
        + "29f29929228c28628027927326d26726125b25524f24924323d23723122b22522021a21420e2092031fd1f71f21ec1e71e11db1d61d01cb1c51c01bb1b51b0"
        + "1aa1a51a019a19519018a18518017b17617016b16616115c15715214d14814313e13913412f12a12512011a11611110c1071020fd0f90f40ef0ea0e60e10dc"
        + "0d80d30ce0ca0c50c10bc0b70b30ae0aa0a50a109c09809308f08b08608207d07907507006c06806305f05b05705204e04a04604103d03903503102d029024"
        + "02001c01801401000c008004";

    private const string CorrectionDigits =
        "01234567789abcde01233456789aabcd012234566789abbc0122344567789aab001223455677899a011233455667889a001223344566788900112234455667"
        + "880112233445566778001122334455667700112233344556670112223344556667001112233344556600112223344455560011122333445556000111223334"
        + "4455011233455677899a0012233455677899001223344566778800122334455667780011223344556677011122334455666700112223344555660011222334"
        + "445566000112223334455500111222333444550011122233344455011122233344445500011122223334440001112222333444001111222233334400111122"
        + "22333344";

    private static readonly ushort[] Coarse =
        [.. Enumerable.Range(0, 512).Select(i => (ushort)Convert.ToInt32(CoarseDigits.Substring(3 * i, 3), 16))];
    private static readonly byte[] Correction = [.. CorrectionDigits.Select(digit => Convert.ToByte(digit.ToString(), 16))];

    /// <summary>Returns the root.</summary>
    /// <param name="x">0 or above; a negative value returns NaN.</param>
    public static float Of(float x)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        if (bits is < MinNormal or > MaxDefault)
        {
            return MathF.Sqrt(x);
        }
        int exponent = (int)(bits >> 23) - 127;
        int parity = exponent & 1;
        uint mantissa = bits & 0x7FFFFF;
        int reciprocal =
            Coarse[(parity << 8) | (int)(mantissa >> 15)] - Correction[(parity << 8) | (int)((mantissa >> 19) << 4) | (int)((mantissa >> 11) & 15)];
        float y = BitConverter.UInt32BitsToSingle(((uint)(126 - (exponent - parity) / 2) << 23) | ((uint)reciprocal << 11));
        float root = x * y, half = 0.5f * y;
        float error = 0.5f - root * half;
        root = root * error + root;
        half = half * error + half;
        return (x - root * root) * half + root;
    }
}
