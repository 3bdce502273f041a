using System.IO.Hashing;
using Brownian.Diffusion.State;

namespace Brownian.Inference.Engines;

/// <summary>
/// The format of a saved denoising run, little-endian: a name, a version, the content, and a hash over all of it. The hash detects transmission
/// errors, not forgery: without it a flipped bit of the latents would result in another image.
/// </summary>
internal static class SealedState
{
    private const string Name = "brownian-denoising";
    private const int Version = 3;
    private const int HashLength = 16;

    /// <summary>Returns a writer for the content.</summary>
    public static StateWriter Begin()
    {
        var writer = new StateWriter();
        writer.Write(Name);
        writer.Write(Version);
        return writer;
    }

    /// <summary>Returns the whole state after the content was written.</summary>
    public static byte[] Seal(StateWriter writer)
    {
        var state = new byte[writer.Written.Length + HashLength];
        writer.Written.CopyTo(state);
        XxHash128.Hash(writer.Written, state.AsSpan(writer.Written.Length));
        return state;
    }

    /// <summary>Returns a reader of the content.</summary>
    /// <exception cref="InvalidDataException">The state has another format or version, or is damaged.</exception>
    public static StateReader Open(ReadOnlyMemory<byte> state)
    {
        ReadHead(new StateReader(state));
        int length = state.Length - HashLength;
        Span<byte> hash = stackalloc byte[HashLength];
        XxHash128.Hash(state.Span[..Math.Max(length, 0)], hash);
        if (length < 0 || !hash.SequenceEqual(state.Span[length..]))
        {
            throw new InvalidDataException("The saved run is damaged: its hash differs");
        }
        var reader = new StateReader(state[..length]);
        ReadHead(reader);
        return reader;
    }

    /// <summary>Checks the name and version. Called before the hash is checked, so that another version is reported as such.</summary>
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
