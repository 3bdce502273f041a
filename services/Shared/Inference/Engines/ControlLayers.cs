using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Inference.Sessions;

namespace Brownian.Inference.Engines;

/// <summary>
/// The layers of a UNet that ControlNets add to: the outputs of the first convolution and of every layer of the down path, and the output of the
/// middle block.
/// </summary>
internal sealed class ControlLayers
{
    private readonly int _layersPerLevel;

    /// <param name="graph">The UNet's graph.</param>
    /// <param name="inputs">The UNet's inputs for these layers, in order.</param>
    /// <exception cref="ModelException">
    /// The inputs do not state their channels, or the channels do not fit levels with the same number of layers each.
    /// </exception>
    private ControlLayers(OnnxGraph graph, IReadOnlyList<GraphTensor> inputs)
    {
        Inputs = inputs;
        if (inputs.FirstOrDefault(input => input is not { Rank: 4 } || input.Fixed(1) is null) is { } wrong)
        {
            throw new ModelException($"{graph.File} has the input {wrong}; it must have four dimensions and a fixed number of channels");
        }
        Channels = [.. inputs.Select(input => input.Fixed(1)!.Value)];
        // The first convolution, the first level's layers and its downsampling have the same channels, and the second level has others.
        int down = Channels.Count - 1, alike = Channels.Take(down).TakeWhile(channels => channels == Channels[0]).Count();
        _layersPerLevel = alike is > 2 && alike < down && down % (alike - 1) == 0
            ? alike - 2
            : throw new ModelException(
                $"{graph.File} has {down} inputs {ControlNetNames.DownBlock}0, ... with {string.Join(", ", Channels.Take(down))} channels, "
                + "which are not those of levels with so many layers each");
    }

    /// <summary>The UNet's inputs.</summary>
    public IReadOnlyList<GraphTensor> Inputs { get; }

    /// <summary>The channels of the inputs.</summary>
    public IReadOnlyList<int> Channels { get; }

    /// <summary>Returns a UNet's layers, or null for a UNet that was exported without these inputs.</summary>
    /// <exception cref="ModelException">The UNet has only some of the inputs, or inputs that do not fit together.</exception>
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

    /// <summary>Returns the shape of a ControlNet's residual for a layer.</summary>
    /// <param name="index">The index in <see cref="Inputs"/>.</param>
    /// <param name="rows">The number of rows: images times passes.</param>
    /// <param name="height">The height in latents.</param>
    /// <param name="width">The width in latents.</param>
    /// <returns>[rows, channels, height, width].</returns>
    public long[] Shape(int index, int rows, int height, int width)
    {
        // A level's layers are followed by its downsampling, whose output the next level starts with. The last level has no downsampling.
        int last = Inputs.Count - 1, halvings = index == last ? (last - 1) / (_layersPerLevel + 1) : index / (_layersPerLevel + 1);
        for (int i = 0; i < halvings; i++)
        {
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        }
        return [rows, Channels[index], height, width];
    }

    /// <summary>Returns whether another UNet's layers are the same.</summary>
    public bool Equals(ControlLayers other) => _layersPerLevel == other._layersPerLevel && Channels.SequenceEqual(other.Channels);
}
