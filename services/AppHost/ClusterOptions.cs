namespace Brownian.AppHost;

/// <summary>How the cluster is started: <c>--Cluster:Name value</c>, or <c>Cluster__Name</c> in the environment.</summary>
internal sealed class ClusterOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Cluster";

    private const int MaxReplicas = 16;

    /// <summary>How RabbitMQ and Redis are started; null for containers when a container engine responds, otherwise programs.</summary>
    public ServerKind? Servers { get; set; }

    /// <summary>Whether the gateway and the dashboard take any free ports, so that several clusters can run side by side.</summary>
    public bool FreePorts { get; set; }

    /// <summary>The number of text encoders, 1..16.</summary>
    public int TextEncoders { get; set; } = 1;

    /// <summary>The number of denoisers, 1..16.</summary>
    public int Denoisers { get; set; } = 1;

    /// <summary>The number of VAE decoders, 1..16.</summary>
    public int VaeDecoders { get; set; } = 1;

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="InvalidOperationException">A number is out of its range.</exception>
    public void Validate()
    {
        (string Name, int Value)[] counts =
            [(nameof(TextEncoders), TextEncoders), (nameof(Denoisers), Denoisers), (nameof(VaeDecoders), VaeDecoders)];
        string[] faults =
        [
            .. counts.Where(count => count.Value is < 1 or > MaxReplicas)
                .Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Name} is {count.Value}; allowed: 1..{MaxReplicas}")),
        ];
        if (faults.Length > 0)
        {
            throw new InvalidOperationException(string.Join("; ", faults));
        }
    }
}
