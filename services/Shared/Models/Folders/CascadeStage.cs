using System.Text.Json.Nodes;

namespace Brownian.Models.Folders;

/// <summary>A stage of a cascade, as <c>cascade.json</c> says it.</summary>
/// <param name="Role"><c>base</c> makes a picture, <c>super-resolution</c> and <c>upscaler</c> make it larger.</param>
/// <param name="Model">The model's name, which is its folder's.</param>
/// <param name="SeedOffset">What is added to the images' seeds for the stage's own generators.</param>
/// <param name="Settings">Fields of the stage where a request does not say them.</param>
public sealed record CascadeStage(string Role, string Model, int SeedOffset, JsonObject Settings);
