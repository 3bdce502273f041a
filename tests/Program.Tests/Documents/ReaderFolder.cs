using System.Text.RegularExpressions;
using Brownian.Imaging;
using Brownian.Import.Tests;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Program.Tests.Documents;

/// <summary>
/// The folder in which a reader of the documentation works: under the names that the pages use, tiny models, checkpoints and adapters of the families
/// that the pages are about. Pictures are those of <c>brownian examples</c>.
/// </summary>
internal static partial class ReaderFolder
{
    private static readonly string Data = Repository.Combine("tests", "Golden.Tests", "Data");

    /// <summary>The models' folders on the pages, and the tiny models in their place.</summary>
    public static readonly IReadOnlyDictionary<string, string> Models = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["sd15-control"] = "tiny-sd15-controlnet",
        ["sdxl"] = "tiny-sdxl",
        ["sdxl-refiner"] = "tiny-sdxl-refiner",
        ["sdxl-turbo"] = "tiny-sdxl-turbo",
        ["lcm"] = "tiny-lcm",
        ["IF-I-XL"] = "tiny-if",
        ["IF-II-L"] = "tiny-if-sr",
        ["karlo"] = "tiny-karlo",
        ["karlo-variations"] = "tiny-karlo-variation",
        ["sd3"] = "tiny-sd3",
        ["flux-dev"] = "tiny-flux-dev",
        ["flux-schnell"] = "tiny-flux-schnell",
        ["x4-upscaler"] = "tiny-x4-upscaler",
    };

    /// <summary>The folder of configurations for checkpoints, whose text encoders have other tokenizers than the published ones.</summary>
    public const string Configurations = "configurations";

    /// <summary>Pictures of real models' sizes, at which the tiny models take long, are made smaller.</summary>
    private static readonly string[] Pictures = ["photo.png", "edges.png", "pose.png"];

    private static readonly Dictionary<string, string> Adapters = new(StringComparer.Ordinal)
    {
        ["loras/ink.safetensors"] = "loras/sd15-peft.safetensors",
        ["loras/paper.safetensors"] = "loras/sd15-kohya-f16.safetensors",
        ["embeddings/ink.safetensors"] = "embeddings/emb-params-1.safetensors",
        ["controlnets/pose"] = "models/tiny-sd15-controlnet/controlnet",
    };

    /// <summary>Fills a folder.</summary>
    /// <param name="folder">The folder, which is the user's home, too.</param>
    /// <param name="checkpoints">Checkpoints of the tiny models.</param>
    public static async Task FillAsync(string folder, Checkpoints checkpoints)
    {
        foreach ((string name, string model) in Models)
        {
            foreach (string part in Directory.GetFileSystemEntries(Path.Combine(Data, "models", model)))
            {
                Link(Path.Combine(folder, name, Path.GetFileName(part)), part);
            }
            await File.WriteAllTextAsync(Path.Combine(folder, name, "brownian.json"), """{"defaults": {"steps": 3}}""");
        }
        // A graph for perturbed attention, without perturbation.
        foreach (string part in Directory.GetFileSystemEntries(Path.Combine(Data, "models", "tiny-sd15")))
        {
            Link(Path.Combine(folder, "sd15", Path.GetFileName(part)), part);
        }
        Link(Path.Combine(folder, "sd15", "unet_pag"), Path.Combine(Data, "models", "tiny-sd15", "unet"));
        foreach ((string name, string file) in Adapters)
        {
            Link(Path.Combine(folder, name), Path.Combine(Data, file));
        }
        await WriteEmbeddingAsync(Path.Combine(folder, "learned_embeds.safetensors"), 32);
        await WriteEmbeddingAsync(Path.Combine(folder, "learned_embeds_2.safetensors"), 48);
        Directory.CreateDirectory(Path.Combine(folder, "if"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "if", "cascade.json"),
            """
            {
              "stages": [
                { "role": "base", "model": "../IF-I-XL", "settings": { "steps": 4 } },
                { "role": "super-resolution", "model": "../IF-II-L", "seed_offset": 1, "settings": { "steps": 4 } }
              ]
            }
            """);
        Link(Path.Combine(folder, "v1-5-pruned.safetensors"), Path.Combine(checkpoints.Folder("single-file"), "tiny-sd15.safetensors"));
        Link(Path.Combine(folder, Configurations), checkpoints.Folder("tiny-sd15"));
        Link(Path.Combine(folder, "sd-controlnet-canny"), Path.Combine(checkpoints.Folder("tiny-sd15-controlnet"), "controlnet"));
        MadeUpUpscaler.WriteTorch(
            Path.Combine(folder, "RealESRGAN_x4plus.pth"), isOld: false, ("params_ema", MadeUpUpscaler.Rrdb(1).Named("basic")));
        string defaults = Path.Combine(folder, ".config", "brownian", "config.json");
        Directory.CreateDirectory(Path.GetDirectoryName(defaults)!);
        await File.WriteAllTextAsync(defaults, """{"steps": 4}""");
    }

    /// <summary>Returns a command or a file of a page with few steps and frames, because only what is allowed matters here.</summary>
    public static string Shortened(string text) => Length().Replace(text, "${name}3");

    /// <summary>Makes the pictures smaller that <c>brownian examples</c> has written.</summary>
    public static async Task ShrinkAsync(string folder)
    {
        foreach (string file in Pictures.Select(picture => Path.Combine(folder, picture)))
        {
            await File.WriteAllBytesAsync(file, ImageWriter.EncodePreview(ImageReader.Read(await File.ReadAllBytesAsync(file)).ToRgb(), 64));
        }
    }

    private static void Link(string link, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, target);
    }

    private static Task WriteEmbeddingAsync(string file, int width) =>
        File.WriteAllBytesAsync(file, new SafetensorsWriter().Floats("<ink>", [.. Enumerable.Repeat(0.01f, width)], 1, width).Bytes());

    /// <summary>Steps and frames of more than one digit, or of 4 to 9.</summary>
    [GeneratedRegex("""(?<name>--(steps|frames) |"(prior_|decoder_)?steps": |(?<=--set )(prior_|decoder_)?steps=)(?:[4-9]|[0-9]{2,})(?![0-9])""")]
    private static partial Regex Length();
}
