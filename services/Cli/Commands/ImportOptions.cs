using System.CommandLine;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Models.Catalog;

namespace Brownian.Cli.Commands;

/// <summary>The options of the commands that import a checkpoint: <c>brownian import</c> and <c>brownian pull</c>.</summary>
internal sealed class ImportOptions
{
    /// <summary>The precision of weights of 8 bits.</summary>
    public const string Int8 = "int8";

    /// <summary>The precision of weights of 16 bits.</summary>
    public const string Float16 = "float16";

    private const string Float32 = "float32";

    private static readonly string[] Precisions = [Float32, Float16, Int8];
    private static readonly string[] Predictions = ["epsilon", "v_prediction"];

    private readonly Option<string?> _name;

    private readonly Option<string?> _to = new("--to")
    {
        Description = $"The folder in which the model's folder is made; {ModelCatalog.UserFolder} when not given",
        HelpName = "DIR",
    };

    private readonly Option<string?> _variant = new("--variant")
    {
        Description = "Prefer files of this variant, for example fp16",
        HelpName = "VARIANT",
    };

    private readonly Option<bool> _portable = new("--portable")
    {
        Description = "Use only ONNX's own operators, which other runtimes have, too",
    };

    private readonly Option<string?> _config = new("--config")
    {
        Description = "For a file: a diffusers folder with its configurations, scheduler and tokenizers; told from the file when not given",
        HelpName = "DIR",
    };

    private readonly Option<string?> _vae = new("--vae")
    {
        Description = "For a file: the file or folder of another autoencoder",
        HelpName = "FILE|DIR",
    };

    private readonly Option<string[]> _textEncoder = new("--text-encoder")
    {
        Description = "For a file: the file or folder of a text encoder that the file does not have, or that replaces its own; several times for "
            + "several encoders. Which it is follows from its content",
        HelpName = "FILE|DIR",
    };

    private readonly Option<string?> _tokenizer = new("--tokenizer")
    {
        Description = "For a file: the folder of T5's tokenizer (spiece.model or tokenizer.json); the one beside the encoder when not given",
        HelpName = "DIR",
    };

    private readonly Option<bool> _ema = new("--ema")
    {
        Description = "For a file: use the averaged weights that it has beside the others",
    };

    private readonly Option<string?> _prediction = new("--prediction")
    {
        Description = "For a file: what the model predicts; told from the file when not given",
        HelpName = string.Join('|', Predictions),
    };

    private readonly Option<bool> _controlnet = new("--controlnet")
    {
        Description = "Make a UNet that takes the outputs of ControlNets; a folder with a ControlNet always has one",
    };

    private readonly Option<string?> _precision = new("--precision")
    {
        Description = "How weights are stored and multiplied; float32 when not given",
        HelpName = string.Join('|', Precisions),
    };

    private readonly Option<bool> _noComparison = new("--no-comparison")
    {
        Description = "With float16 or int8: do not compare images with those of float32, which takes the disk and the memory of the float32 model; "
            + "the convolutions of int8 stay in float32",
    };

    private readonly Option<bool> _optimize = new("--optimize")
    {
        Description = "Make the form of the graphs that loads fastest on this processor, too; it takes the model's size on the disk again",
    };

    private readonly Option<bool> _check = new("--check")
    {
        Description = "Make a picture with the model afterwards, and say what it looks like",
    };

    /// <param name="defaultName">Whose name the model has where none is given, in the help.</param>
    public ImportOptions(string defaultName)
    {
        _name = new Option<string?>("--name") { Description = $"The model's name; {defaultName} when not given", HelpName = "NAME" };
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])
        [
            _name, _to, _variant, _portable, _config, _vae, _textEncoder, _tokenizer, _ema, _prediction, _controlnet, _precision, _noComparison,
            _optimize, _check,
        ])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Adds the faults of values.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaultName">The model's name where none is given; null when it is not known because of another fault.</param>
    /// <param name="faults">Receives the faults.</param>
    public void Check(ParseResult parsed, string? defaultName, List<FieldFault> faults)
    {
        if (parsed.GetValue(_config) is { } configs && !Directory.Exists(configs))
        {
            faults.Add(FieldFault.Of("--config", configs, "a diffusers folder that exists"));
        }
        if (parsed.GetValue(_vae) is { } autoencoder && !Path.Exists(autoencoder))
        {
            faults.Add(FieldFault.Of("--vae", autoencoder, "a file or folder that exists"));
        }
        faults.AddRange((parsed.GetValue(_textEncoder) ?? []).Where(encoder => !Path.Exists(encoder))
            .Select(encoder => FieldFault.Of("--text-encoder", encoder, "a file or folder that exists")));
        if (parsed.GetValue(_tokenizer) is { } tokens && !Directory.Exists(tokens))
        {
            faults.Add(FieldFault.Of("--tokenizer", tokens, "a folder that exists"));
        }
        if (parsed.GetValue(_precision) is { } precision && !Precisions.Contains(precision))
        {
            faults.Add(FieldFault.Of("--precision", precision, string.Join(", ", Precisions)));
        }
        if (parsed.GetValue(_noComparison) && PrecisionOf(parsed) == Float32)
        {
            faults.Add(new FieldFault("--no-comparison", "is only for --precision float16 and int8"));
        }
        if (IsInt8(parsed) && parsed.GetValue(_portable))
        {
            faults.Add(new FieldFault("--portable", "cannot be given with --precision int8, which needs ONNX Runtime's own operators"));
        }
        if (parsed.GetValue(_prediction) is { } predicts && !Predictions.Contains(predicts))
        {
            faults.Add(FieldFault.Of("--prediction", predicts, string.Join(", ", Predictions)));
        }
        const int MaxLength = 128;
        string? name = parsed.GetValue(_name) ?? defaultName;
        if (name is not null
            && (name.Length is 0 or > MaxLength || name.StartsWith('.') || name.Any(char.IsControl) || name != Path.GetFileName(name)
                || name.IndexOfAny(Path.GetInvalidFileNameChars()) >= 0))
        {
            faults.Add(FieldFault.Of("--name", name, $"a name for a folder of up to {MaxLength} characters, which does not begin with a dot"));
        }
        else if (name is not null && parsed.GetValue(_to) is null && OtherFolderOf(name) is { } other)
        {
            faults.Add(FieldFault.Of("--name", name, $"another name, because {other} is a model of this name"));
        }
    }

    /// <summary>Returns the folder of a model that has a name outside of the user's folder of models; null for none.</summary>
    private static string? OtherFolderOf(string name)
    {
        ModelCatalog catalog = ModelCatalog.Create([]);
        return catalog.List().Concat(catalog.ListCascades())
            .FirstOrDefault(known => known.Name == name && Path.GetDirectoryName(known.Folder) != ModelCatalog.UserFolder).Folder;
    }

    /// <summary>Adds the faults of options that have no meaning for the kind of checkpoint.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="isFile">Whether it is one file, and not a folder.</param>
    /// <param name="faults">Receives the faults.</param>
    public void CheckKind(ParseResult parsed, bool isFile, List<FieldFault> faults)
    {
        if (isFile)
        {
            if (parsed.GetValue(_variant) is not null)
            {
                faults.Add(new FieldFault("--variant", "is only for a diffusers folder"));
            }
            return;
        }
        (string Option, bool IsGiven)[] ofFiles =
        [
            ("--config", parsed.GetValue(_config) is not null), ("--vae", parsed.GetValue(_vae) is not null),
            ("--text-encoder", parsed.GetValue(_textEncoder) is { Length: > 0 }), ("--tokenizer", parsed.GetValue(_tokenizer) is not null),
            ("--ema", parsed.GetValue(_ema)), ("--prediction", parsed.GetValue(_prediction) is not null),
        ];
        faults.AddRange(ofFiles.Where(option => option.IsGiven).Select(option => new FieldFault(option.Option, "is only for a single file")));
    }

    /// <summary>Returns the variant to prefer; null for none.</summary>
    public string? Variant(ParseResult parsed) => parsed.GetValue(_variant);

    /// <summary>Returns the import that the options describe.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaultName">The model's name where none is given.</param>
    public ModelImport Read(ParseResult parsed, string defaultName)
    {
        string name = parsed.GetValue(_name) ?? defaultName;
        bool isCompared = PrecisionOf(parsed) != Float32 && !parsed.GetValue(_noComparison);
        return new ModelImport(name, Path.Combine(parsed.GetValue(_to) ?? ModelCatalog.UserFolder, name))
        {
            Settings = new ImportSettings(parsed.GetValue(_variant), new GraphOptions(parsed.GetValue(_portable))
            {
                UsesFloat16 = PrecisionOf(parsed) == Float16,
                QuantizesLinear = IsInt8(parsed),
                QuantizesConvolutions = IsInt8(parsed) && isCompared,
            })
            {
                TextEncoders = parsed.GetValue(_textEncoder) ?? [],
                Tokenizer = parsed.GetValue(_tokenizer),
                ConfigFolder = parsed.GetValue(_config),
                Autoencoder = parsed.GetValue(_vae),
                UsesAverages = parsed.GetValue(_ema),
                PredictionType = parsed.GetValue(_prediction),
                TakesControlNets = parsed.GetValue(_controlnet),
            },
            IsCompared = isCompared,
            IsOptimized = parsed.GetValue(_optimize),
            IsChecked = parsed.GetValue(_check),
        };
    }

    private string PrecisionOf(ParseResult parsed) => parsed.GetValue(_precision) ?? Float32;

    private bool IsInt8(ParseResult parsed) => PrecisionOf(parsed) == Int8;
}
