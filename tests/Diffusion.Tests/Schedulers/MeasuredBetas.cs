using System.Text.Json.Nodes;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>
/// β_t with the spacing of PyTorch 1.13, with which table-a.tsv and table-b.tsv were measured. Its linspace differs from PyTorch 2's, which the
/// schedulers follow, in the last bit of some elements; two rows show that bit beyond the tolerance, and get these betas through
/// <c>trained_betas</c>.
/// </summary>
internal static class MeasuredBetas
{
    private const int Lanes = 8;

    /// <summary>Adds <c>trained_betas</c> to options whose schedule is <c>linear</c> or <c>scaled_linear</c> over 1000 timesteps.</summary>
    public static Dictionary<string, JsonNode?> Give(Dictionary<string, JsonNode?> options)
    {
        double start = options.GetValueOrDefault("beta_start")?.GetValue<double>() ?? 0.0001,
        end = options.GetValueOrDefault("beta_end")?.GetValue<double>() ?? 0.02;
        float[] betas = options.GetValueOrDefault("beta_schedule")?.GetValue<string>() == "scaled_linear"
            ? [.. Linspace((float)Math.Sqrt(start), (float)Math.Sqrt(end), 1000).Select(root => root * root)]
            : Linspace((float)start, (float)end, 1000);
        options["trained_betas"] = new JsonArray([.. betas.Select(beta => (JsonNode)(double)beta)]);
        return options;
    }

    /// <summary>
    /// <c>torch.linspace</c> of PyTorch 1.13 with AVX2: both halves are counted from their own end, but in vectors of eight, two at a
    /// time, whose later elements are counted from the rounded first one; PyTorch 2 rounds every element once.
    /// </summary>
    private static float[] Linspace(float start, float end, int count)
    {
        var values = new float[count];
        float step = (end - start) / (count - 1);
        int inVectors = count / (2 * Lanes) * (2 * Lanes);
        for (int i = 0; i < count; i++)
        {
            int lane = i < inVectors ? i % Lanes : 0, first = i - lane;
            float origin = first < count / 2
                ? MathF.FusedMultiplyAdd(step, first, start)
                : MathF.FusedMultiplyAdd(-step, count - first - 1, end);
            values[i] = lane * step + origin;
        }
        return values;
    }
}
