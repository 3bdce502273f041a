using System.IO.Compression;
using System.Text;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Images;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Imaging;
using Brownian.Models.Metadata;
using Brownian.Requests;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>The settings in image files of any program, which <c>info</c> and <c>--like</c> read.</summary>
internal sealed class ImageSettingsTarget : FuzzTarget
{
    private static readonly string[] Texts =
    [
        "apple\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 64x64, Model: emoji, RNG: CPU",
        "a (b:1.2) <lora:ink:0.8>\nNegative prompt: c\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, "
            + "Model hash: 0123456789, Model: xl, Clip skip: 2, ENSD: 31337, Lora hashes: \"ink: 0123456789ab\", "
            + "TI hashes: \"e: 01\", Hires upscale: 2, "
            + "Hires upscaler: Latent, Denoising strength: 0.5, ControlNet 0: \"Module: canny, Model: c [01234567], Weight: 1, Guidance Start: 0\", "
            + "Hashes: {\"vae\": \"0123456789\"}, Version: v1.10.1",
        """
        { "sui_image_params": { "prompt": "a (cat:1.2) [x]", "negativeprompt": "dog", "model": "Official/xl_base_1.0.safetensors", "seed":
          "18446744073709551615", "steps": 20, "cfgscale": "7.0", "aspectratio": "1:1", "sidelength": 1024, "width": 1024, "height": 768,
          "images": "4",
          "sampler": "dpmpp_2m", "scheduler": "karras", "variationseed": 9, "variationseedstrength": "0.3", "loras": "styles/ink,paper",
          "loraweights": ["0.5", 1.5], "clipstopatlayer": -2, "swarm_version": "0.9.3.1" }, "sui_extra_data": { "date": "2025-01-25" } }
        """,
        """
        { "3": { "class_type": "KSampler", "inputs": { "seed": 7, "steps": 20, "cfg": 7.5, "sampler_name": "euler_ancestral", "scheduler": "normal",
          "denoise": 1.0, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0] } },
          "4": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": "m.safetensors" } },
          "5": { "class_type": "EmptyLatentImage", "inputs": { "width": 64, "height": 64, "batch_size": 1 } },
          "6": { "class_type": "CLIPTextEncode", "inputs": { "text": "apple", "clip": ["10", 1] } },
          "7": { "class_type": "CLIPTextEncode", "inputs": { "text": "dog", "clip": ["10", 1] } },
          "8": { "class_type": "VAEDecode", "inputs": { "samples": ["3", 0], "vae": ["4", 2] } },
          "9": { "class_type": "SaveImage", "inputs": { "images": ["8", 0] } },
          "10": { "class_type": "LoraLoader", "inputs": { "lora_name": "ink.safetensors", "strength_model": 0.8, "strength_clip": 0.8,
          "model": ["4", 0],
          "clip": ["4", 1] } } }
        """,
        "红苹果\nSteps: 12, Sampler: Euler, CFG scale: 3.5, Seed: 7, Size: 64x64, Model: emoji, "
            + "Sampler options: \"{\\\"a\\\": 1}\", Version: Brownian 0.3.0",
    ];

    public override int CasesPerSecond => 6000;

    public override IReadOnlyList<string> Tokens =>
    [
        "Steps: ", "Negative prompt: ", ", Sampler: ", "Seed: ", "Size: ", "\"", "\\\"", ", Version: Brownian 0.1.0", "sui_image_params",
        "class_type", "inputs",
        "KSampler", "KSamplerAdvanced", "LoraLoader", "ConditioningCombine", "LatentUpscale", "ControlNetApply", "3", "4", "5", "parameters\0",
        "prompt\0", "tEXt", "zTXt",
        "iTXt", "eXIf", "UNICODE\0", "ASCII\0\0\0", "Exif\0\0", "MM\0*", "II*\0", "\u0087i", "<lora:a:1>", "ControlNet 0: ", "Hires upscale: ",
        "Prompts: ", "Also: ",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        var image = new PixelImage(2, 2, new byte[12]);
        foreach (string text in Texts)
        {
            yield return new FuzzInput("text", Encoding.UTF8.GetBytes(text));
            foreach (ImageFormat format in Enum.GetValues<ImageFormat>())
            {
                yield return new FuzzInput(format.ToString(), ImageWriter.Encode(image, new OutputSettings { Format = format }, text));
            }
        }
        byte[] png = ImageWriter.Encode(image, new OutputSettings { Metadata = false }, "");
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(Encoding.UTF8.GetBytes(Texts[0]));
        }
        const int AfterHeader = 33;
        yield return new FuzzInput(
            "Png", [.. png.AsSpan(0, AfterHeader), .. SmallImages.Chunk("zTXt", [.. "parameters\0\0"u8, .. packed.ToArray()]),
                .. png.AsSpan(AfterHeader)]);
        yield return new FuzzInput(
            "Png", [.. png.AsSpan(0, AfterHeader), .. SmallImages.Chunk("iTXt", [.. "prompt\0\u0001\0\0\0"u8, .. packed.ToArray()]),
                .. png.AsSpan(AfterHeader)]);
    }

    public override FuzzFormat FormatOf(string kind) => kind == "text" ? FuzzFormat.Json : FuzzFormat.Bytes;

    // A compressed text may have 16 MiB, which are copied into UTF-16 several times.
    public override long MaxAllocated(FuzzInput input) => (16L << 20) + 2000L * input.Bytes.Length;

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes) => kind == "Png" && !random.OneIn(4) ? PngChunks.Repair(bytes)
        : bytes;

    public override void Run(FuzzInput input)
    {
        string? text = input.Kind == "text" ? Encoding.UTF8.GetString(input.Bytes) : ImageMetadata.TextIn(input.Bytes);
        if (text is null)
        {
            return;
        }
        ImageMetadata settings = ImageMetadata.Read(text);
        try
        {
            RequestReader.Read(settings.Request);
        }
        catch (FieldFaultException)
        {
            // Settings of other programs may be outside the limits of requests.
        }
    }

    public override bool IsDocumented(Exception exception) => exception is InvalidDataException;
}
