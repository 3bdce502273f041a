using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>The deterministic sample, noise and model of the reference's scheduler tests, and their loop.</summary>
internal static class ReferenceLoop
{
    public static float[] Sample(int batch = 4, int channels = 3, int height = 8, int width = 8)
    {
        int count = batch * channels * height * width, rest = height * width;
        var sample = new float[count];
        for (int b = 0; b < batch; b++)
        {
            for (int c = 0; c < channels; c++)
            {
                for (int p = 0; p < rest; p++)
                {
                    sample[(b * channels + c) * rest + p] = (float)((c * rest + p) * batch + b) / count;
                }
            }
        }
        return sample;
    }

    public static float[] Noise(int batch = 4, int channels = 3, int height = 8, int width = 8)
    {
        int count = batch * channels * height * width;
        return [.. Sample(batch, channels, height, width).Select(value => (float)(count - 1 - (int)MathF.Round(value * count)) / count)];
    }

    public static void Model(ReadOnlySpan<float> input, float timestep, Span<float> output)
    {
        for (int i = 0; i < input.Length; i++)
        {
            output[i] = input[i] * timestep / (timestep + 1);
        }
    }

    /// <summary>The model of the flow-matching rows: half the sample at every timestep.</summary>
    public static ReferenceModel Half { get; } = (input, _, output) => TensorPrimitives.Multiply(input, 0.5f, output);

    /// <summary>The single element that the tables name: [1, 2, 3, 4].</summary>
    public static float Probe(float[] sample) => sample[((1 * 3 + 2) * 8 + 3) * 8 + 4];

    /// <summary>A scheduler with options in the form of the tables.</summary>
    /// <param name="className">The reference's name of the class.</param>
    /// <param name="options">See <see cref="ParseOptions"/>.</param>
    /// <param name="measuredBetas">Whether it gets the betas with which the table was measured: see <see cref="MeasuredBetas"/>.</param>
    public static Scheduler Create(string className, string options, bool measuredBetas = false)
    {
        (SchedulerDescriptor descriptor, _) = SchedulerCatalog.Find(className);
        Dictionary<string, JsonNode?> parsed = ParseOptions(options);
        return descriptor.Create(SchedulerConfig.Resolve(descriptor, null, measuredBetas ? MeasuredBetas.Give(parsed) : parsed));
    }

    /// <summary>"a=1, b=True, c=word" in the form of the tables; anything in brackets or "SD" is not an option.</summary>
    public static Dictionary<string, JsonNode?> ParseOptions(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(part => part.Contains('='))
            .Select(part => part.Split('=', 2))
            .ToDictionary(pair => pair[0].Trim(), pair => Value(pair[1].Trim()));

    /// <summary>Runs to the end.</summary>
    /// <param name="scheduler">The started scheduler.</param>
    /// <param name="sample">The sample, which is changed in place.</param>
    /// <param name="overwriteWithScaled">A peculiarity of the reference's tests: the step gets the scaled sample.</param>
    /// <param name="model">The model; null for the reference's own.</param>
    /// <param name="unscaled">Another peculiarity: the model gets the unscaled sample.</param>
    public static void Run(Scheduler scheduler, float[] sample, bool overwriteWithScaled, ReferenceModel? model = null, bool unscaled = false)
    {
        var generator = new TorchCpuGenerator(0);
        var input = new float[sample.Length];
        var output = new float[sample.Length];
        while (!scheduler.IsDone)
        {
            scheduler.ScaleModelInput(sample, input);
            if (overwriteWithScaled)
            {
                input.CopyTo(sample, 0);
            }
            (model ?? Model)(unscaled ? sample : input, scheduler.Timestep, output);
            scheduler.Step(output, sample, generator);
        }
    }

    private static JsonNode? Value(string text) => text switch
    {
        "True" => true,
        "False" => false,
        "None" => null,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
        _ => text,
    };
}
