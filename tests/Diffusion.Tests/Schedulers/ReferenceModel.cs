namespace Brownian.Diffusion.Tests.Schedulers;

internal delegate void ReferenceModel(ReadOnlySpan<float> input, float timestep, Span<float> output);
