using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>A seeded source of standard normal numbers that belongs to one image. Not safe for use by several threads at once.</summary>
public interface INoiseGenerator
{
    /// <summary>The seed that the generator was made with.</summary>
    ulong Seed { get; }

    /// <summary>The element type in which <see cref="FillNormal(Span{float})"/> draws.</summary>
    NoiseDtype Dtype { get; }

    /// <summary>Draws one tensor of standard normal numbers in <see cref="Dtype"/>, widened to float32, in the reference's order.</summary>
    /// <param name="destination">The whole tensor: how many numbers are drawn at once changes their values.</param>
    void FillNormal(Span<float> destination);

    /// <summary>Draws one tensor of standard normal numbers in the given element type, whatever <see cref="Dtype"/> is.</summary>
    /// <param name="destination">The whole tensor.</param>
    /// <param name="dtype">The element type to draw in.</param>
    void FillNormal(Span<float> destination, NoiseDtype dtype);

    /// <summary>Writes the whole state, so that <see cref="Restore"/> goes on with the same numbers.</summary>
    void Save(StateWriter writer);

    /// <summary>Takes on a state that <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The state is not one of this kind of generator.</exception>
    void Restore(StateReader reader);
}
