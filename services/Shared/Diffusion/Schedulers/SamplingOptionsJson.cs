using System.Text.Json.Serialization;

namespace Brownian.Diffusion.Schedulers;

[JsonSerializable(typeof(SamplingOptions))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
internal sealed partial class SamplingOptionsJson : JsonSerializerContext;
