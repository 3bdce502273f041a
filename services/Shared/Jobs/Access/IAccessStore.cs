namespace Brownian.Jobs.Access;

/// <summary>
/// Stores keys and tenants, for all gateways together: a change applies to the next call at every gateway. Every method throws
/// <see cref="PlatformUnavailableException"/> when the store cannot be reached.
/// </summary>
public interface IAccessStore
{
    /// <summary>Returns a key and its tenant; null for each that does not exist.</summary>
    /// <param name="id">The key's id.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<(ApiKey? Key, Tenant? Tenant)> FindKeyAsync(string id, CancellationToken cancellationToken);

    /// <summary>Adds a key.</summary>
    /// <returns>False, and nothing is stored, when there is a key of the same id.</returns>
    Task<bool> TryAddKeyAsync(ApiKey key, CancellationToken cancellationToken);

    /// <summary>Ends a key: revokes it at once, or sets the time at which it ends, which never becomes later.</summary>
    /// <param name="id">The key's id.</param>
    /// <param name="now">The time.</param>
    /// <param name="expires">When it ends; null to revoke it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The key; null when there is none of this id.</returns>
    Task<ApiKey?> EndKeyAsync(string id, DateTimeOffset now, DateTimeOffset? expires, CancellationToken cancellationToken);

    /// <summary>Returns all keys, those that ended too, by their ids.</summary>
    Task<IReadOnlyList<ApiKey>> KeysAsync(CancellationToken cancellationToken);

    /// <summary>Returns a tenant; null when it does not exist. The default tenant always exists.</summary>
    Task<Tenant?> FindTenantAsync(string name, CancellationToken cancellationToken);

    /// <summary>Stores a tenant in place of the one of the same name.</summary>
    Task PutTenantAsync(Tenant tenant, CancellationToken cancellationToken);

    /// <summary>Returns all tenants by their names.</summary>
    Task<IReadOnlyList<Tenant>> TenantsAsync(CancellationToken cancellationToken);

    /// <summary>Returns the secret with which links to images are signed: 32 bytes, created at the first call for all gateways.</summary>
    Task<byte[]> SigningSecretAsync(CancellationToken cancellationToken);
}
