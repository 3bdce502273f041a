namespace Brownian.Tokenizers;

/// <summary>GPT-2's printable substitutes for the 256 bytes (<c>gpt-2/src/encoder.py: bytes_to_unicode</c>).</summary>
internal static class ByteLevelAlphabet
{
    private static readonly Dictionary<char, byte> Bytes = Create();

    public static bool Contains(char letter) => Bytes.ContainsKey(letter);

    public static byte ByteOf(char letter) => Bytes[letter];

    private static Dictionary<char, byte> Create()
    {
        var bytes = new Dictionary<char, byte>();
        char next = (char)256;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            bytes[printable ? (char)value : next++] = (byte)value;
        }
        return bytes;
    }
}
