using Brownian.Hosting;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Uploads;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Testing.Nodes;

/// <summary>The stores of a node, each of which records what it holds.</summary>
internal sealed class RecordedStores
{
    /// <summary>The store of files.</summary>
    public RecordedArtifactStore Artifacts { get; private set; } = null!;

    /// <summary>The store of tensors.</summary>
    public RecordedBlobStore Blobs { get; private set; } = null!;

    /// <summary>The ledger of uploads.</summary>
    public RecordedUploadLedger Ledger { get; private set; } = null!;

    /// <summary>The contents of all stores.</summary>
    public IReadOnlyList<string> Held => [.. Artifacts.Held, .. Blobs.Jobs, .. Ledger.Held];

    /// <summary>Wraps the stores of a node.</summary>
    public void Record(PlatformBuilder platform)
    {
        Wrap<IArtifactStore>(platform.Services, inner => Artifacts = new RecordedArtifactStore(inner));
        Wrap<IBlobStore>(platform.Services, inner => Blobs = new RecordedBlobStore(inner));
        Wrap<IUploadLedger>(platform.Services, inner => Ledger = new RecordedUploadLedger(inner));
    }

    /// <summary>Creates the stores, which happens at their first use otherwise.</summary>
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
