using System.CommandLine;
using Brownian.Cli.Output;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian import</c>: a model folder from a checkpoint.</summary>
internal static class ImportCommand
{
    private const string Int8 = "int8";

    private static readonly string[] Precisions = ["float32", Int8];
    private static readonly string[] Predictions = ["epsilon", "v_prediction"];

    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "A diffusers folder, or one file with a model, a transformer or an upscaler: .safetensors, .ckpt, .pth, .gguf",
        };
        var name = new Option<string?>("--name") { Description = "The model's name; that of the folder or file when not given", HelpName = "NAME" };
        var to = new Option<string?>("--to")
        {
            Description = $"The folder in which the model's folder is made; {ModelCatalog.UserFolder} when not given",
            HelpName = "DIR",
        };
        var variant = new Option<string?>("--variant") { Description = "Prefer files of this variant, for example fp16", HelpName = "VARIANT" };
        var portable = new Option<bool>("--portable") { Description = "Use only ONNX's own operators, which other runtimes have, too" };
        var config = new Option<string?>("--config")
        {
            Description = "For a file: a diffusers folder with its configurations, scheduler and tokenizers; told from the file when not given",
            HelpName = "DIR",
        };
        var vae = new Option<string?>("--vae") { Description = "For a file: the file or folder of another autoencoder", HelpName = "FILE|DIR" };
        var textEncoder = new Option<string[]>("--text-encoder")
        {
            Description = "For a file: the file or folder of a text encoder that the file does not have, or that replaces its own; several times for "
                + "several encoders. Which it is follows from its content",
            HelpName = "FILE|DIR",
        };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "For a file: the folder of T5's tokenizer (spiece.model or tokenizer.json); the one beside the encoder when not given",
            HelpName = "DIR",
        };
        var ema = new Option<bool>("--ema") { Description = "For a file: use the averaged weights that it has beside the others" };
        var prediction = new Option<string?>("--prediction")
        {
            Description = "For a file: what the model predicts; told from the file when not given",
            HelpName = string.Join('|', Predictions),
        };
        var precision = new Option<string?>("--precision")
        {
            Description = "How weights are stored and multiplied; float32 when not given",
            HelpName = string.Join('|', Precisions),
        };
        var optimize = new Option<bool>("--optimize")
        {
            Description = "Make the form of the graphs that loads fastest on this processor, too; it takes the model's size on the disk again",
        };
        var command = new Command("import", "Makes a model of a checkpoint, without Python")
        {
            source, name, to, variant, portable, config, vae, textEncoder, tokenizer, ema, prediction, precision, optimize,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            string path = parsed.GetValue(source)!;
            bool isFile = File.Exists(path);
            var faults = new List<FieldFault>();
            if (!isFile && !Directory.Exists(path))
            {
                faults.Add(FieldFault.Of("SOURCE", path, "a diffusers folder or a file that exists"));
            }
            else if (!isFile)
            {
                (string Option, bool IsGiven)[] ofFiles =
                [
                    ("--config", parsed.GetValue(config) is not null), ("--vae", parsed.GetValue(vae) is not null),
                    ("--text-encoder", parsed.GetValue(textEncoder) is { Length: > 0 }), ("--tokenizer", parsed.GetValue(tokenizer) is not null),
                    ("--ema", parsed.GetValue(ema)), ("--prediction", parsed.GetValue(prediction) is not null),
                ];
                faults.AddRange(ofFiles.Where(option => option.IsGiven).Select(option => new FieldFault(option.Option, "is only for a single file")));
            }
            else if (parsed.GetValue(variant) is not null)
            {
                faults.Add(new FieldFault("--variant", "is only for a diffusers folder"));
            }
            if (parsed.GetValue(config) is { } configs && !Directory.Exists(configs))
            {
                faults.Add(FieldFault.Of("--config", configs, "a diffusers folder that exists"));
            }
            if (parsed.GetValue(vae) is { } autoencoder && !Path.Exists(autoencoder))
            {
                faults.Add(FieldFault.Of("--vae", autoencoder, "a file or folder that exists"));
            }
            faults.AddRange((parsed.GetValue(textEncoder) ?? []).Where(encoder => !Path.Exists(encoder))
                .Select(encoder => FieldFault.Of("--text-encoder", encoder, "a file or folder that exists")));
            if (parsed.GetValue(tokenizer) is { } tokens && !Directory.Exists(tokens))
            {
                faults.Add(FieldFault.Of("--tokenizer", tokens, "a folder that exists"));
            }
            if (parsed.GetValue(prediction) is { } predicts && !Predictions.Contains(predicts))
            {
                faults.Add(FieldFault.Of("--prediction", predicts, string.Join(", ", Predictions)));
            }
            string? numbers = parsed.GetValue(precision);
            bool isInt8 = numbers == Int8;
            if (numbers is not null && !Precisions.Contains(numbers))
            {
                faults.Add(FieldFault.Of("--precision", numbers, string.Join(", ", Precisions)));
            }
            if (isInt8 && parsed.GetValue(portable))
            {
                faults.Add(new FieldFault("--portable", "cannot be given with --precision int8, which needs ONNX Runtime's own operators"));
            }
            string model = parsed.GetValue(name) ?? NameOf(path, isFile);
            if (model.Length == 0 || model.StartsWith('.') || model != Path.GetFileName(model)
                || model.IndexOfAny(Path.GetInvalidFileNameChars()) >= 0)
            {
                faults.Add(FieldFault.Of("--name", model, "a name for a folder, which does not begin with a dot"));
            }
            return faults.Count > 0 ? throw new FieldFaultException(faults) : RunAsync(
                path,
                model,
                parsed.GetValue(to) ?? ModelCatalog.UserFolder,
                new ImportSettings(parsed.GetValue(variant), new GraphOptions(parsed.GetValue(portable))
                {
                    QuantizesLinear = isInt8,
                    QuantizesConvolutions = isInt8,
                })
                {
                    ConfigFolder = parsed.GetValue(config),
                    Autoencoder = parsed.GetValue(vae),
                    TextEncoders = parsed.GetValue(textEncoder) ?? [],
                    Tokenizer = parsed.GetValue(tokenizer),
                    UsesAverages = parsed.GetValue(ema),
                    PredictionType = parsed.GetValue(prediction),
                },
                parsed.GetValue(optimize),
                cancellationToken);
        });
        return command;
    }

    private static string NameOf(string path, bool isFile) => isFile ? Path.GetFileNameWithoutExtension(path)
        : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));

    /// <summary>Writes a model's folder, and shows the progress.</summary>
    public static void Write(CheckpointSource checkpoint, string folder, CancellationToken cancellationToken)
    {
        var report = new ImportReport();
        try
        {
            ImportWriter.Write(checkpoint, folder, report, cancellationToken);
        }
        finally
        {
            report.Finish();
        }
    }

    private static async Task<int> RunAsync(
        string source, string name, string to, ImportSettings settings, bool optimizes, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(to, name);
        using var checkpoint = CheckpointSource.Open(source, settings);
        foreach (string note in checkpoint.Notes)
        {
            Console.Error.WriteLine(note);
        }
        bool isDrawing = !checkpoint.IsNetwork && !checkpoint.Parts.Contains(ModelFolder.UpscalerPart);
        if (settings.Graphs.QuantizesLinear && !isDrawing)
        {
            throw new FieldFaultException(FieldFault.Of("--precision", Int8, "float32 for a network alone"));
        }
        // An import reads and writes gigabytes.
        await Task.Yield();
        if (settings.Graphs.QuantizesLinear)
        {
            await QuantizedImport.WriteAsync(source, folder, settings, cancellationToken);
        }
        else
        {
            Write(checkpoint, folder, cancellationToken);
        }
        if (optimizes)
        {
            var sessions = new SessionSettings
            {
                Optimized = new OptimizedGraphs(ModelCatalog.OptimizedFolder, makes: true, new OptimizationReport()),
                Stopping = cancellationToken,
            };
            foreach (string graph in checkpoint.GraphFiles)
            {
                OnnxGraph.Load(Path.Combine(folder, graph), sessions).Dispose();
            }
        }
        var manifest = ModelManifest.Read(folder);
        Console.Out.WriteLine($"{name}    {manifest.Family}    {folder}");
        if (manifest.License is { } license)
        {
            Console.Error.WriteLine($"licence: {license}");
        }
        string model = ModelCatalog.Create([]).List().Any(known => known.Folder == Path.GetFullPath(folder)) ? name : folder;
        Console.Error.WriteLine(checkpoint.Parts.Contains(ModelFolder.UpscalerPart)
            ? $"Try it: brownian upscale photo.png --model {model} -o large.png"
            : $"Try it: brownian generate \"a red apple\" --model {model} -o apple.png");
        return ExitCode.Success;
    }
}
