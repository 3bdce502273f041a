using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Brownian.Jobs.Artifacts;

namespace Brownian.Gateway.A1111;

/// <summary>Stores the options of tenants, which all gateways share.</summary>
/// <param name="files">Stores them.</param>
internal sealed class A1111Settings(IArtifactStore files)
{
    /// <summary>How long options are kept after they were set.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);

    /// <summary>Returns a tenant's options.</summary>
    public async Task<A1111Options> GetAsync(string tenant, CancellationToken cancellationToken) =>
        await files.GetAsync(IdOf(tenant), cancellationToken) is { } bytes
            ? JsonSerializer.Deserialize<A1111Options>(bytes) ?? new A1111Options() : new A1111Options();

    /// <summary>Stores a tenant's options.</summary>
    public Task SetAsync(string tenant, A1111Options options, CancellationToken cancellationToken) =>
        files.PutAsync(IdOf(tenant), JsonSerializer.SerializeToUtf8Bytes(options), Lifetime, cancellationToken);

    /// <summary>An id that no file of a job has, because those of jobs are hexadecimal digits.</summary>
    private static string IdOf(string tenant) =>
        "options_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(tenant)))[..32];
}
