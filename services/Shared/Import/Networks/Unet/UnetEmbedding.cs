namespace Brownian.Import.Networks.Unet;

/// <summary>The embedding of the timestep and of everything that is added to it.</summary>
/// <param name="Raw">The sum.</param>
/// <param name="Activated">The sum after the activation function of the residual blocks.</param>
internal sealed record UnetEmbedding(Value Raw, Value Activated);
