using System.Collections.Concurrent;
using Brownian.Adapters;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;

namespace Brownian.Golden.Tests;

/// <summary>Models that stay loaded for all tests of a class.</summary>
public class LoadedModels : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<ImageGenerator>>> _generators = new();

    /// <summary>The session settings.</summary>
    protected virtual SessionSettings Settings { get; } = new(Threads: 1);

    public Task<ImageGenerator> GetAsync(IReadOnlyList<string> folders) => _generators.GetOrAdd(
        string.Join(Path.PathSeparator, folders),
        _ => new Lazy<Task<ImageGenerator>>(() => ImageGenerator.LoadAsync(
            [.. folders.Select(folder => ModelFolder.Open(folder))], Settings,
            new AdapterCatalog(GoldenCase.AdapterFolders, takesPaths: false), CancellationToken.None))).Value;

    public virtual void Dispose()
    {
        foreach (Lazy<Task<ImageGenerator>> generator in _generators.Values)
        {
            if (generator.Value.IsCompletedSuccessfully)
            {
                generator.Value.GetAwaiter().GetResult().Dispose();
            }
        }
        GC.SuppressFinalize(this);
    }
}
