using Brownian.Cli.Output;
using Brownian.Import.Folders;
using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Catalog;
using Brownian.Models.Folders;

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
            throw new FieldFaultException(FieldFault.Of("--precision", ImportOptions.Int8, "float32, float16 for a network alone"));
        }
        // An import reads and writes gigabytes.
        await Task.Yield();
        if (IsCompared && checkpoint.IsDrawing)
        {
            await PrecisionImport.WriteAsync(checkpoint, source, Folder, Settings, cancellationToken);
        }
        else
        {
            PrecisionImport.RemoveLeft(Folder);
            Write(checkpoint, Folder, cancellationToken);
            if (IsCompared)
            {
                Console.Error.WriteLine("not compared with float32: a network alone makes no picture from a prompt");
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
            await CheckAsync(checkpoint, cancellationToken);
        }
        string model = ModelCatalog.Create([]).List().Any(known => known.Folder == Path.GetFullPath(Folder)) ? Name : Folder;
        if (!checkpoint.IsNetwork)
        {
            Console.Error.WriteLine(checkpoint.IsDrawing
                ? $"Try it: brownian generate \"a red apple\" --model {model} -o apple.png"
                : $"Try it: brownian upscale photo.png --model {model} -o large.png");
        }
        return ExitCode.Success;
    }

    /// <summary>Makes a picture, and says what it looks like.</summary>
    private async Task CheckAsync(CheckpointSource checkpoint, CancellationToken cancellationToken)
    {
        if (!checkpoint.IsDrawing)
        {
            Console.Error.WriteLine("not checked: a network alone makes no picture from a prompt");
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
                ModelCheckResult.Flat => "That is one colour, not a picture: is the autoencoder the right one (--vae)?",
                ModelCheckResult.Noise => "That looks like noise, not like a picture: does the model predict something else (--prediction)?",
                _ => "That looks like a picture",
            }}");
        }
        catch (FieldFaultException exception)
        {
            Console.Error.WriteLine($"not checked, because the model does not draw from a prompt alone: {exception.Message}");
        }
    }
}
