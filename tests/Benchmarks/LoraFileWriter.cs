using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Noise;

namespace Brownian.Benchmarks;

/// <summary>Writes LoRAs of random numbers, in float32, for the modules of a graph.</summary>
internal static class LoraFileWriter
{
    private const float Deviation = 0.01f;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="modules">The modules of the UNet.</param>
    /// <param name="rank">The rank: the rows of the matrix that is multiplied first.</param>
    /// <param name="isKohya">Whether names are kohya's, flattened and with an alpha; PEFT's otherwise.</param>
    /// <param name="seed">A number that distinguishes the file from others.</param>
    public static void Write(string path, IReadOnlyList<ModuleWeight> modules, int rank, bool isKohya, ulong seed)
    {
        var header = new JsonObject();
        var tensors = new List<float[]>();
        var generator = new TorchCpuGenerator(seed);
        long end = 0;
        foreach (ModuleWeight module in modules)
        {
            string stem = isKohya ? "lora_unet_" + module.Module.Replace('.', '_') : "unet." + module.Module;
            Add(stem + (isKohya ? ".lora_down.weight" : ".lora_A.weight"), Normal(rank * (int)module.Columns), rank, (int)module.Columns);
            Add(stem + (isKohya ? ".lora_up.weight" : ".lora_B.weight"), Normal((int)module.Rows * rank), (int)module.Rows, rank);
            if (isKohya)
            {
                Add(stem + ".alpha", [rank]);
            }
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header), length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        using FileStream file = File.Create(path);
        file.Write(length);
        file.Write(json);
        foreach (float[] tensor in tensors)
        {
            file.Write(MemoryMarshal.AsBytes(tensor.AsSpan()));
        }

        void Add(string name, float[] values, params int[] shape)
        {
            long start = end;
            end += values.Length * sizeof(float);
            tensors.Add(values);
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(start, end),
            };
        }

        float[] Normal(int count)
        {
            float[] values = new float[count];
            generator.FillNormal(values);
            for (int i = 0; i < count; i++)
            {
                values[i] *= Deviation;
            }
            return values;
        }
    }
}
