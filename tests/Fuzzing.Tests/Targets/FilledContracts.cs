using Brownian.Jobs.Queues;
using Brownian.Wire.Tests;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Contracts whose every property has a value.</summary>
internal static class FilledContracts
{
    private static readonly Dictionary<string, object> Values = new()
    {
        ["DenoiseTask.LatentShape"] = (IReadOnlyList<int>)[4, 2, 3],
        ["DenoiseSettings.LatentShape"] = (IReadOnlyList<int>)[4, 2, 3],
        ["DenoiseTask.Embedding"] = Floats(1, 2, 3),
        ["DenoiseTask.StartLatents"] = Floats(1, 4, 2, 3),
        ["ImageCondition.Image"] = Floats(1, 8, 2, 3),
        ["ImageCondition.Original"] = Floats(1, 3, 2, 3),
        ["ImageCondition.MaskedImage"] = Floats(1, 8, 1, 3),
        ["ImageCondition.Mask"] = Floats(1, 1, 2, 3),
        ["ControlCondition.Image"] = Floats(1, 3, 4, 6),
        ["ControlCondition.Start"] = 0.25,
        ["ControlCondition.End"] = 0.75,
        ["PooledCondition.Pooled"] = Floats(1, 5),
        ["PooledCondition.NegativePooled"] = Floats(1, 6),
        ["PromptCondition.Steps.Item3"] = Floats(1, 7),
        ["DenoiseTiling.Side"] = 96,
        ["DenoiseTiling.Overlap"] = 48,
        ["TextPrompt.Window"] = 77,
        ["TextPrompt.Chunks"] = 3,
        ["StageMessage.Version"] = StageMessage.CurrentVersion,
    };

    /// <summary>Returns an object.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="choice">Which value of every enum it has, counted from the last one.</param>
    public static object Of(Type type, int choice = 0) => new Filled(Values, choice).Of(type);

    /// <summary>Returns a tensor of ascending numbers.</summary>
    public static Tensor Floats(params int[] shape) => new([.. Enumerable.Range(1, shape.Aggregate(1, (a, b) => a * b)).Select(i => i / 8f)], shape);
}
