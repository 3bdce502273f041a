using System.IO.Hashing;
using Brownian.Diffusion.State;

namespace Brownian.Inference.Engines;

/// <summary>
/// The frame around a saved denoising run, little-endian: a name, a version, the content, and a hash of all of it. The hash is against
/// damage on the way, not against forgery: without it a flipped bit of the latents would be another image.
/// </summary>
internal static class SealedState
{
    private const string Name = "brownian-denoising";
    private const int Version = 3;
    private const int HashLength = 16;

    /// <summary>A writer for the content.</summary>
    public static StateWriter Begin()
    {
        var writer = new StateWriter();
        writer.Write(Name);
        writer.Write(Version);
        return writer;
    }

    /// <summary>The whole state, when the content is written.</summary>
    public static byte[] Seal(StateWriter writer)
    {
        var state = new byte[writer.Written.Length + HashLength];
        writer.Written.CopyTo(state);
        XxHash128.Hash(writer.Written, state.AsSpan(writer.Written.Length));
        return state;
    }

    /// <summary>A reader of the content.</summary>
    /// <exception cref="InvalidDataException">The state is something else, of another version, or damaged.</exception>
    public static StateReader Open(ReadOnlyMemory<byte> state)
    {
        ReadHead(new StateReader(state));
        int length = state.Length - HashLength;
        Span<byte> hash = stackalloc byte[HashLength];
        XxHash128.Hash(state.Span[..Math.Max(length, 0)], hash);
        if (length < 0 || !hash.SequenceEqual(state.Span[length..]))
        {
            throw new InvalidDataException("The saved run is damaged: its hash is another");
        }
        var reader = new StateReader(state[..length]);
        ReadHead(reader);
        return reader;
    }

    /// <summary>Before the hash is looked at, so that a state of another version is called that.</summary>
    private static void ReadHead(StateReader reader)
    {
        reader.Expect(Name);
        int version = reader.ReadInt32();
        if (version != Version)
        {
            throw new InvalidDataException($"The saved run has version {version}, this program reads {Version}");
        }
    }
}
