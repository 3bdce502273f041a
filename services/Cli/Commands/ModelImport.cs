using Brownian.Cli.Output;
using Brownian.Import.Folders;
using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Cli.Commands;

/// <summary>An import of a checkpoint, with its messages.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Folder">The model's folder, which does not exist yet.</param>
internal sealed record ModelImport(string Name, string Folder)
{
    /// <summary>How the checkpoint is imported.</summary>
    public required ImportSettings Settings { get; init; }

    /// <summary>Whether the form of the graphs that loads fastest is made, too.</summary>
    public bool IsOptimized { get; init; }

    /// <summary>Whether images of the precision are compared with those of float32.</summary>
    public bool IsCompared { get; init; }

    /// <summary>Whether a picture is made afterwards.</summary>
    public bool IsChecked { get; init; }

    /// <summary>Writes a model's folder, and shows the progress.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="folder">The folder, which must not exist.</param>
    /// <param name="cancellationToken">Stops it; the next import continues.</param>
    /// <param name="form">The form of the model in the progress, where several are written; null where one is.</param>
    public static void Write(CheckpointSource checkpoint, string folder, CancellationToken cancellationToken, string? form = null)
    {
        var report = new ImportReport(form);
        try
        {
            ImportWriter.Write(checkpoint, folder, report, cancellationToken);
        }
        finally
        {
            report.Finish();
        }
    }

    /// <summary>Runs it.</summary>
    /// <param name="source">The diffusers folder or file.</param>
    /// <param name="cancellationToken">Stops it; the next one continues.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(string source, CancellationToken cancellationToken)
    {
        using var checkpoint = CheckpointSource.Open(source, Settings);
        foreach (string note in checkpoint.Notes)
        {
            Console.Error.WriteLine(note);
        }
        if (Settings.Graphs.QuantizesLinear && !checkpoint.IsDrawing)
        {
            throw new FieldFaultException(FieldFault.Of("--precision", ImportOptions.Int8, "float32, float16 for a network alone or an upscaler"));
        }
        // An import reads and writes gigabytes.
        await Task.Yield();
        if (IsCompared && !checkpoint.IsNetwork)
        {
            await PrecisionImport.WriteAsync(checkpoint, source, Folder, Settings, cancellationToken);
        }
        else
        {
            PrecisionImport.RemoveLeft(Folder);
            Write(checkpoint, Folder, cancellationToken);
            if (IsCompared)
            {
                Console.Error.WriteLine("not compared with float32: a network alone makes no picture");
            }
            else if (Settings.Graphs.QuantizesLinear)
            {
                Console.Error.WriteLine("convolutions stay in float32: without a comparison the error of quantised ones is not known");
            }
        }
        if (IsOptimized)
        {
            var sessions = new SessionSettings
            {
                Optimized = new OptimizedGraphs(ModelCatalog.OptimizedFolder, makes: true, new OptimizationReport()),
                Stopping = cancellationToken,
            };
            foreach (string graph in checkpoint.GraphFiles)
            {
                OnnxGraph.Load(Path.Combine(Folder, graph), sessions).Dispose();
            }
        }
        var manifest = ModelManifest.Read(Folder);
        Console.Out.WriteLine($"{Name}    {manifest.Family}    {Folder}");
        if (manifest.License is { } license)
        {
            Console.Error.WriteLine($"licence: {license}");
        }
        if (IsChecked)
        {
            await CheckAsync(checkpoint, source, cancellationToken);
        }
        string model = ModelCatalog.Create([]).List().Any(known => known.Folder == Path.GetFullPath(Folder)) ? Name : Folder;
        if (!checkpoint.IsNetwork)
        {
            Console.Error.WriteLine(FirstCommand(ModelFolder.Open(Folder), model));
        }
        return ExitCode.Success;
    }

    /// <summary>Returns a command with which the model makes an image, by the inputs that it takes.</summary>
    private static string FirstCommand(ModelFolder folder, string model)
    {
        const string Prompt = "a red apple";
        ResolvedRequest trial;
        try
        {
            trial = TrialRequest.Resolve(ModelFamilies.CardOf(folder, ModelFamilies.Read(folder)), Prompt, 0, 1, int.MaxValue).Request;
        }
        catch (FieldFaultException exception)
        {
            return $"{model} draws neither from a prompt nor from an image alone: {exception.Message}";
        }
        GenerationRequest request = trial.Request;
        if (request.Task == RequestTask.Upscale)
        {
            string prompt = trial.Prompt.Length == 0 ? "" : $"--prompt \"{Prompt}\" ";
            return $"Try it: brownian upscale photo.png {prompt}--model {model} -o large.png";
        }
        string[] inputs =
        [
            .. trial.Prompt.Length == 0 ? [] : (string[])[$"\"{Prompt}\""],
            .. request.InitImage is null ? [] : (string[])["--init-image photo.png"],
            .. request.Mask is null ? [] : (string[])["--mask mask.png"],
            .. request.Task == RequestTask.Variation ? (string[])[$"--set 'task=\"{RequestTask.Variation}\"'"] : [],
        ];
        return $"Try it: brownian generate {string.Join(' ', inputs)} --model {model} -o apple.png";
    }

    /// <summary>Makes a picture, and says what it looks like.</summary>
    private async Task CheckAsync(CheckpointSource checkpoint, string source, CancellationToken cancellationToken)
    {
        if (checkpoint.IsNetwork)
        {
            Console.Error.WriteLine("not checked: a network alone makes no picture");
            return;
        }
        try
        {
            var settings = new SessionSettings { Optimized = new OptimizedGraphs(ModelCatalog.OptimizedFolder, makes: false) };
            ModelCheck check = await ModelCheck.RunAsync(ModelFolder.Open(Folder), settings, cancellationToken);
            string facts = string.Create(
                CultureInfo.InvariantCulture,
                $"\"{check.Prompt}\", {check.Pixels.Width}x{check.Pixels.Height}, {check.Steps} steps, {check.Time.TotalSeconds:0.0} s: levels of "
                    + $"{check.Mean:0} on average with a deviation of {check.Deviation:0}, neighbouring pixels correlate by {check.Likeness:0.00}");
            Console.Error.WriteLine($"checked: {facts}. {check.Result switch
            {
                ModelCheckResult.Flat => "That is one colour, not a picture: is the autoencoder the right one"
                    + (File.Exists(source) ? " (--vae)?" : "?"),
                ModelCheckResult.Noise => "That looks like noise, not like a picture"
                    + (File.Exists(source) ? ": does the model predict something else (--prediction)?" : ""),
                _ => "That looks like a picture",
            }}");
        }
        catch (FieldFaultException exception)
        {
            Console.Error.WriteLine($"not checked, because the model draws neither from a prompt nor from an image alone: {exception.Message}");
        }
    }
}
