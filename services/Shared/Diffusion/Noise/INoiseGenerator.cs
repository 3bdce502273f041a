using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Noise;

/// <summary>A seeded source of standard normal numbers for one image. Not safe for concurrent use.</summary>
public interface INoiseGenerator
{
    /// <summary>The seed that the generator was created with.</summary>
    ulong Seed { get; }

    /// <summary>The element type of <see cref="FillNormal(Span{float})"/>.</summary>
    NoiseDtype Dtype { get; }

    /// <summary>Draws one tensor of standard normal numbers in <see cref="Dtype"/>, widened to float32, in the reference's order.</summary>
    /// <param name="destination">The whole tensor: the numbers depend on how many are drawn at once.</param>
    void FillNormal(Span<float> destination);

    /// <summary>Draws one tensor of standard normal numbers in the given element type, independent of <see cref="Dtype"/>.</summary>
    /// <param name="destination">The whole tensor.</param>
    /// <param name="dtype">The element type to draw in.</param>
    void FillNormal(Span<float> destination, NoiseDtype dtype);

    /// <summary>Writes the whole state, so that <see cref="Restore"/> continues with the same numbers.</summary>
    void Save(StateWriter writer);

    /// <summary>Restores a state that <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The state is not of this kind of generator.</exception>
    void Restore(StateReader reader);
}
