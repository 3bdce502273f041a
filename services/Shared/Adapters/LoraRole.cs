namespace Brownian.Adapters;

/// <summary>What a tensor of a LoRA is to its module.</summary>
internal enum LoraRole
{
    Up,
    Down,
    Mid,
    Alpha,
}
