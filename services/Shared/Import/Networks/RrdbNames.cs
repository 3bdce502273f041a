using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// The names of the modules of an RRDB network. Files have them in one of three styles: those of the first program of ESRGAN
/// (<c>model.1.sub.0.RDB1.conv1.0</c>), those of its second one (<c>RRDB_trunk.0.RDB1.conv1</c>), and BasicSR's (<c>body.0.rdb1.conv1</c>).
/// </summary>
internal sealed class RrdbNames
{
    private readonly string _dense;
    private readonly string _convEnd;
    private readonly Func<int, string> _trunk;
    private readonly Func<int, string> _up;
    private readonly Func<int, string> _large;
    private readonly Func<int, string> _last;

    private RrdbNames(
        string first, string blocks, string dense, string convEnd, Func<int, string> trunk, Func<int, string> up, Func<int, string> large,
        Func<int, string> last)
    {
        (First, Blocks, _dense, _convEnd, _trunk, _up, _large, _last) = (first, blocks, dense, convEnd, trunk, up, large, last);
    }

    /// <summary>
    /// The styles. In the oldest, upsampling and activations count as layers of <c>model</c>, too, as in spandrel's
    /// <c>architectures/ESRGAN</c>, which all three are from.
    /// </summary>
    public static IReadOnlyList<RrdbNames> All { get; } =
    [
        new(
            "model.0", "model.1.sub", "RDB", ".0", blocks => $"model.1.sub.{blocks}", up => $"model.{3 * up}",
            ups => $"model.{(3 * ups) + 2}", ups => $"model.{(3 * ups) + 4}"),
        new("conv_first", "RRDB_trunk", "RDB", "", _ => "trunk_conv", up => $"upconv{up}", _ => "HRconv", _ => "conv_last"),
        new("conv_first", "body", "rdb", "", _ => "conv_body", up => $"conv_up{up}", _ => "conv_hr", _ => "conv_last"),
    ];

    /// <summary>The first convolution.</summary>
    public string First { get; }

    /// <summary>The list of blocks.</summary>
    public string Blocks { get; }

    /// <summary>Returns the style of a network's weights; null when they are not of an RRDB network.</summary>
    public static RrdbNames? Of(Parameters parameters) =>
        All.FirstOrDefault(names => parameters.Find(names.Conv(names.DenseBlock(0, 1), 1) + ".weight") is not null);

    /// <summary>Returns a dense block.</summary>
    /// <param name="block">The index of the residual block, from 0.</param>
    /// <param name="number">The number of the dense block, 1..3.</param>
    public string DenseBlock(int block, int number) => $"{Blocks}.{block}.{_dense}{number}";

    /// <summary>Returns a convolution of a dense block.</summary>
    /// <param name="denseBlock">The dense block.</param>
    /// <param name="number">The number of the convolution, 1..5.</param>
    public string Conv(string denseBlock, int number) => $"{denseBlock}.conv{number}{_convEnd}";

    /// <summary>Returns the convolution behind the blocks.</summary>
    /// <param name="blocks">The number of blocks.</param>
    public string Trunk(int blocks) => _trunk(blocks);

    /// <summary>Returns the convolution behind an upsampling.</summary>
    /// <param name="number">The number of the upsampling, from 1.</param>
    public string Up(int number) => _up(number);

    /// <summary>Returns the convolution before the last one.</summary>
    /// <param name="ups">The number of upsamplings.</param>
    public string Large(int ups) => _large(ups);

    /// <summary>Returns the last convolution.</summary>
    /// <param name="ups">The number of upsamplings.</param>
    public string Last(int ups) => _last(ups);
}
