using System.Text.Json.Nodes;

namespace Brownian.Models.Folders;

/// <summary>A stage of a cascade, as <c>cascade.json</c> defines it.</summary>
/// <param name="Role"><c>base</c> generates an image; <c>super-resolution</c> and <c>upscaler</c> enlarge it.</param>
/// <param name="Model">The model's name, which is the name of its folder.</param>
/// <param name="SeedOffset">The number that is added to the images' seeds for this stage.</param>
/// <param name="Settings">Default values of the stage's fields.</param>
public sealed record CascadeStage(string Role, string Model, int SeedOffset, JsonObject Settings);
