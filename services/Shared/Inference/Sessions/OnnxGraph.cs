using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Models.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>A graph loaded into a session. Names, dtypes and shapes are read from the session and never assumed.</summary>
public sealed partial class OnnxGraph : IDisposable
{
    private readonly SessionOptions _options;

    private OnnxGraph(string file, SessionSettings settings, SessionOptions options, InferenceSession session)
    {
        File = file;
        Settings = settings;
        _options = options;
        Session = session;
        Inputs = [.. session.InputMetadata.Select(entry => Describe(entry.Key, entry.Value))];
        Outputs = [.. session.OutputMetadata.Select(entry => Describe(entry.Key, entry.Value))];
    }

    /// <summary>The graph's file.</summary>
    public string File { get; }

    /// <summary>The session settings.</summary>
    public SessionSettings Settings { get; }

    /// <summary>The inputs, in the graph's order.</summary>
    public IReadOnlyList<GraphTensor> Inputs { get; }

    /// <summary>The outputs, in the graph's order.</summary>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    internal InferenceSession Session { get; }

    /// <summary>Loads a graph, including the external data beside it.</summary>
    /// <param name="file">The <c>.onnx</c> file.</param>
    /// <param name="settings">The session settings.</param>
    /// <exception cref="ModelException">The file is missing, damaged, or needs an operator that the device's provider does not support.</exception>
    public static OnnxGraph Load(string file, SessionSettings settings)
    {
        if (!System.IO.File.Exists(file))
        {
            throw new ModelException($"{file} does not exist");
        }
        if (MistakenFile.DescribeFile(file) is { } mistaken)
        {
            throw new ModelException($"{file} is {mistaken}");
        }
        return Load(file, "", settings, options => new InferenceSession(file, options));
    }

    /// <summary>Loads a graph with changed weights. The patched graph is not needed after loading.</summary>
    /// <param name="graph">The changed graph; still owned by the caller.</param>
    /// <param name="settings">The session settings.</param>
    /// <exception cref="ModelException">The graph is damaged, or needs an operator that the device's provider does not support.</exception>
    public static OnnxGraph Load(PatchedGraph graph, SessionSettings settings) => Load(graph.FilePath, settings, options => Open(graph, options));

    /// <summary>Loads a graph with weights that adapters change, which is not done where the changed graph's optimised form is there.</summary>
    /// <param name="file">The <c>.onnx</c> file.</param>
    /// <param name="adapters">The key of the adapters: <see cref="AdapterSet.KeyOf"/>.</param>
    /// <param name="patch">Returns the changed graph.</param>
    /// <param name="settings">The session settings.</param>
    /// <exception cref="ModelException">The graph is damaged, or needs an operator that the device's provider does not support.</exception>
    public static OnnxGraph Load(string file, string adapters, Func<PatchedGraph> patch, SessionSettings settings) =>
        Load(file, adapters, settings, options =>
        {
            using PatchedGraph graph = patch();
            return Open(graph, options);
        });

    private static InferenceSession Open(PatchedGraph graph, SessionOptions options)
    {
        if (graph.ExternalFolder is { } folder)
        {
            options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder);
        }
        return new InferenceSession(graph.Bytes, options);
    }

    /// <summary>Loads a graph, in its optimised form where there is one.</summary>
    private static OnnxGraph Load(string file, string adapters, SessionSettings settings, Func<SessionOptions, InferenceSession> create)
    {
        OrtRuntime.Start();
        string? form = settings.Optimized is { } forms && settings.Device.Kind == DeviceKind.Cpu
            ? forms.Find(file, adapters, options => Load(file, settings, create, options).Dispose()) : null;
        if (form is not null)
        {
            try
            {
                return Load(file, settings, options =>
                {
                    OptimizedGraphs.Use(options);
                    return new InferenceSession(form, options);
                });
            }
            catch (ModelException)
            {
                // Damaged: the graph itself says what is wrong, if anything is.
                OptimizedGraphs.Remove(form);
            }
        }
        return Load(file, settings, create);
    }

    /// <summary>Loads a graph with a session that a function creates.</summary>
    internal static OnnxGraph Load(string file, SessionSettings settings, Func<SessionOptions, InferenceSession> create)
    {
        OrtRuntime.Start();
        return Load(file, settings, create, new SessionOptions());
    }

    /// <summary>Loads a graph with options, which it disposes.</summary>
    private static OnnxGraph Load(
        string file, SessionSettings settings, Func<SessionOptions, InferenceSession> create, SessionOptions options)
    {
        settings.Stopping.ThrowIfCancellationRequested();
        try
        {
            using CancellationTokenRegistration stops =
                settings.Stopping.UnsafeRegister(static loading => ((SessionOptions)loading!).SetLoadCancellationFlag(true), options);
            options.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
            options.IntraOpNumThreads = settings.Threads ?? Environment.ProcessorCount;
            options.InterOpNumThreads = 1;
            // A plan of one size's memory is kept beside the memory itself, and sizes change.
            options.EnableMemoryPattern = false;
            // Processors without VNNI multiply bytes with a sign by bytes without one in sums of 16 bits, which overflow.
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
            ExecutionProviders.Append(options, settings.Device);
            return new OnnxGraph(file, settings, options, create(options));
        }
        catch (OnnxRuntimeException) when (settings.Stopping.IsCancellationRequested)
        {
            options.Dispose();
            throw new OperationCanceledException(settings.Stopping);
        }
        catch (OnnxRuntimeException exception)
        {
            options.Dispose();
            throw new ModelException(Explain(file, settings, exception.Message), exception);
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    /// <summary>Returns the first input with one of some names, or null.</summary>
    public GraphTensor? FindInput(params ReadOnlySpan<string> names) => Find(Inputs, names);

    /// <summary>Returns the first output with one of some names, or null.</summary>
    public GraphTensor? FindOutput(params ReadOnlySpan<string> names) => Find(Outputs, names);

    /// <inheritdoc/>
    public void Dispose()
    {
        Session.Dispose();
        _options.Dispose();
    }

    private static GraphTensor? Find(IReadOnlyList<GraphTensor> tensors, ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (tensors.FirstOrDefault(tensor => tensor.Name == name) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    private static GraphTensor Describe(string name, NodeMetadata metadata) => metadata.IsTensor
        ? new GraphTensor(name, TensorDtypeNames.From(metadata.ElementDataType), metadata.Dimensions)
        : new GraphTensor(name, TensorDtype.Other, []);

    private static string Explain(string file, SessionSettings settings, string message)
    {
        if (Unimplemented().Match(message) is { Success: true } missing)
        {
            return $"{file} uses the operator {missing.Groups[1].Value}, which the "
                + $"{settings.Device.Provider} provider does not have; "
                + "graphs that were optimised for another device (Olive for DirectML or CUDA) must be exported again without fused operators";
        }
        return $"{file} cannot be loaded: {ExecutionProviders.Shorten(message)}";
    }

    [GeneratedRegex(@"(?:implementation for |Fatal error: |No Op registered for |kernel for )([\w.:]+)")]
    private static partial Regex Unimplemented();
}
