using Brownian.Diffusion.Noise;
using Brownian.Diffusion.State;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>Serializes runs and generators' states.</summary>
internal static class RunState
{
    /// <summary>Returns the state that determines the rest of the run, without the task.</summary>
    public static byte[] Save(DenoiseRun run)
    {
        StateWriter writer = SealedState.Begin();
        writer.Write(run.Task.Seed);
        writer.Write(NameOf(NoiseNames.Kinds, run.Task.Noise));
        writer.Write(NameOf(NoiseNames.Dtypes, run.Task.NoiseDtype));
        foreach (int size in run.Task.LatentShape)
        {
            writer.Write(size);
        }
        writer.Write((ReadOnlySpan<float>)run.InitialLatents);
        writer.Write((ReadOnlySpan<float>)run.Latents);
        foreach (float[]? drawn in (float[]?[])[run.ImageLatents, run.MaskedImageLatents])
        {
            writer.Write(drawn?.Length ?? 0);
            if (drawn is not null)
            {
                writer.Write((ReadOnlySpan<float>)drawn);
            }
        }
        run.Scheduler.Save(writer);
        run.Noise.Save(writer);
        return SealedState.Seal(writer);
    }

    /// <summary>Restores the saved state of a run that has not started.</summary>
    /// <param name="run">A run of the same task.</param>
    /// <param name="state">The result of <see cref="Save"/>.</param>
    /// <returns>The latents of the image, and those of the masked image.</returns>
    /// <exception cref="InvalidDataException">The state is damaged, or of another version or task.</exception>
    public static (float[]? Image, float[]? MaskedImage) Restore(DenoiseRun run, ReadOnlyMemory<byte> state)
    {
        DenoiseTask task = run.Task;
        StateReader reader = SealedState.Open(state);
        RequireSame("seed", reader.ReadUInt64(), task.Seed);
        RequireSame("kind of noise", reader.ReadString(), NameOf(NoiseNames.Kinds, task.Noise));
        RequireSame("element type of noise", reader.ReadString(), NameOf(NoiseNames.Dtypes, task.NoiseDtype));
        RequireSame("number of channels", reader.ReadInt32(), task.LatentShape[0]);
        RequireSame("latents' height", reader.ReadInt32(), task.LatentShape[1]);
        RequireSame("latents' width", reader.ReadInt32(), task.LatentShape[2]);
        reader.Read(run.InitialLatents);
        reader.Read(run.Latents);
        float[]? image = ReadDrawn(reader, task.Image?.Role == ImageRole.Upscale ? task.Image.Image!.Values.Length : run.Latents.Length);
        float[]? masked = ReadDrawn(reader, run.Latents.Length);
        run.Scheduler.Resume(reader);
        run.Noise.Restore(reader);
        return reader.Remaining == 0 ? (image, masked) : throw new InvalidDataException($"{reader.Remaining} bytes follow the saved run");
    }

    /// <summary>Returns the bytes of a generator's state.</summary>
    public static byte[] SaveGenerator(INoiseGenerator noise)
    {
        var writer = new StateWriter();
        noise.Save(writer);
        return writer.Written.ToArray();
    }

    /// <summary>Restores a generator's state from the end of an earlier run.</summary>
    /// <exception cref="ArgumentException">The state is of another generator, or damaged.</exception>
    public static void RestoreGenerator(INoiseGenerator noise, ReadOnlyMemory<byte> state)
    {
        var reader = new StateReader(state);
        try
        {
            noise.Restore(reader);
        }
        catch (InvalidDataException exception)
        {
            throw new ArgumentException("The generator's state does not fit the task: " + exception.Message, nameof(state), exception);
        }
        if (reader.Remaining != 0)
        {
            throw new ArgumentException($"{reader.Remaining} bytes follow the generator's state", nameof(state));
        }
    }

    private static float[]? ReadDrawn(StateReader reader, int length)
    {
        int saved = reader.ReadInt32();
        if (saved == 0)
        {
            return null;
        }
        RequireSame("number of an image's values", saved, length);
        var drawn = new float[length];
        reader.Read(drawn);
        return drawn;
    }

    private static void RequireSame<T>(string what, T saved, T own)
        where T : notnull
    {
        if (!saved.Equals(own))
        {
            throw new InvalidDataException(
                string.Create(CultureInfo.InvariantCulture, $"The saved run belongs to another task: its {what} is {saved}, not {own}"));
        }
    }

    private static string NameOf<T>(IReadOnlyDictionary<string, T> names, T value)
        where T : struct, Enum => names.First(word => word.Value.Equals(value)).Key;
}
