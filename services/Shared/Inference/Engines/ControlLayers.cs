using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>
/// The layers of a UNet that ControlNets add to: the outputs of the first convolution and of every layer on the way down, and last of the
/// one in the middle.
/// </summary>
internal sealed class ControlLayers
{
    private readonly int _layersPerLevel;

    /// <param name="graph">The UNet's graph.</param>
    /// <param name="inputs">Its inputs for them, in order.</param>
    /// <exception cref="ModelException">They do not say their channels, or these are not those of levels with so many layers each.</exception>
    private ControlLayers(OnnxGraph graph, IReadOnlyList<GraphTensor> inputs)
    {
        Inputs = inputs;
        if (inputs.FirstOrDefault(input => input is not { Rank: 4 } || input.Fixed(1) is null) is { } wrong)
        {
            throw new ModelException($"{graph.File} has the input {wrong}; it must be of four dimensions and say its channels");
        }
        Channels = [.. inputs.Select(input => input.Fixed(1)!.Value)];
        // The first convolution, the first level's layers and what is halved after them have the same channels, and the second level has others.
        int down = Channels.Count - 1, alike = Channels.Take(down).TakeWhile(channels => channels == Channels[0]).Count();
        _layersPerLevel = alike is > 2 && alike < down && down % (alike - 1) == 0
            ? alike - 2
            : throw new ModelException(
                $"{graph.File} has {down} inputs {ControlNetNames.DownBlock}0, ... with {string.Join(", ", Channels.Take(down))} channels, "
                + "which are not those of levels with so many layers each");
    }

    /// <summary>The UNet's inputs.</summary>
    public IReadOnlyList<GraphTensor> Inputs { get; }

    /// <summary>Their channels.</summary>
    public IReadOnlyList<int> Channels { get; }

    /// <summary>A UNet's; null where it was exported without.</summary>
    /// <exception cref="ModelException">It has some of the inputs, or ones that do not fit together.</exception>
    public static ControlLayers? Of(OnnxGraph graph)
    {
        IReadOnlyList<string> names = ControlNetNames.Outputs(graph.Inputs.Select(input => input.Name));
        if (names.Count > 0)
        {
            return new ControlLayers(graph, [.. names.Select(name => graph.FindInput(name)!)]);
        }
        return graph.FindInput(ControlNetNames.DownBlock + "0", ControlNetNames.MidBlock) is null
            ? null
            : throw new ModelException(
                $"{graph.File} takes only one of {ControlNetNames.DownBlock}0 and {ControlNetNames.MidBlock}: UNets for ControlNets take both");
    }

    /// <summary>The shape of what is added to a layer.</summary>
    /// <param name="index">Of <see cref="Inputs"/>.</param>
    /// <param name="rows">Images, each pass counted.</param>
    /// <param name="height">In latents.</param>
    /// <param name="width">In latents.</param>
    /// <returns>[rows, channels, height, width].</returns>
    public long[] Shape(int index, int rows, int height, int width)
    {
        // A level's layers are followed by the halved one, which the next level begins at; the last level halves no more.
        int last = Inputs.Count - 1, halvings = index == last ? (last - 1) / (_layersPerLevel + 1) : index / (_layersPerLevel + 1);
        for (int i = 0; i < halvings; i++)
        {
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        }
        return [rows, Channels[index], height, width];
    }

    /// <summary>Whether another UNet's are alike.</summary>
    public bool Equals(ControlLayers other) => _layersPerLevel == other._layersPerLevel && Channels.SequenceEqual(other.Channels);
}
