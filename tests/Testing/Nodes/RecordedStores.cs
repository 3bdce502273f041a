using Brownian.Hosting;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Uploads;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Testing.Nodes;

/// <summary>The stores of a node, each of which says what it holds.</summary>
internal sealed class RecordedStores
{
    /// <summary>Files.</summary>
    public RecordedArtifactStore Artifacts { get; private set; } = null!;

    /// <summary>Tensors.</summary>
    public RecordedBlobStore Blobs { get; private set; } = null!;

    /// <summary>What uploads take.</summary>
    public RecordedUploadLedger Ledger { get; private set; } = null!;

    /// <summary>Everything that is held.</summary>
    public IReadOnlyList<string> Held => [.. Artifacts.Held, .. Blobs.Jobs, .. Ledger.Held];

    /// <summary>Puts them before the stores of a node.</summary>
    public void Record(PlatformBuilder platform)
    {
        Wrap<IArtifactStore>(platform.Services, inner => Artifacts = new RecordedArtifactStore(inner));
        Wrap<IBlobStore>(platform.Services, inner => Blobs = new RecordedBlobStore(inner));
        Wrap<IUploadLedger>(platform.Services, inner => Ledger = new RecordedUploadLedger(inner));
    }

    /// <summary>A store is made when it is asked for first.</summary>
    public static void Open(IServiceProvider services)
    {
        services.GetRequiredService<IArtifactStore>();
        services.GetRequiredService<IBlobStore>();
        services.GetRequiredService<IUploadLedger>();
    }

    private static void Wrap<T>(IServiceCollection services, Func<T, T> wrap)
        where T : class
    {
        ServiceDescriptor inner = services.Last(service => service.ServiceType == typeof(T));
        services.AddSingleton(provider => wrap((T)(inner.ImplementationInstance
            ?? inner.ImplementationFactory?.Invoke(provider)
            ?? ActivatorUtilities.CreateInstance(provider, inner.ImplementationType!))));
    }
}
