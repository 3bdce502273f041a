namespace Brownian.Adapters;

/// <summary>The role of a LoRA's tensor for its module.</summary>
internal enum LoraRole
{
    Up,
    Down,
    Mid,
    Alpha,
}
