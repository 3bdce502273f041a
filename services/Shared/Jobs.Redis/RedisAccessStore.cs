using System.Security.Cryptography;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>Keys and tenants in a Redis server: a hash of each, in JSON.</summary>
/// <param name="redis">The server.</param>
public sealed class RedisAccessStore(RedisConnection redis) : IAccessStore
{
    private const string Signing = "signing";
    private const int SecretBytes = 32;

    private const string FindScript =
        """
        local key = redis.call('HGET', KEYS[1], ARGV[1])
        if not key then return false end
        return { key, redis.call('HGET', KEYS[2], cjson.decode(key).tenant) }
        """;

    /// <summary>Also runs when the server is full: a key must be revocable then.</summary>
    private const string ReplaceScript =
        """
        if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end

        """ + RedisConnection.EvenWhenFull +
        """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
        return 1
        """;

    private RedisKey KeysKey => redis.Key("access:keys");

    private RedisKey TenantsKey => redis.Key("access:tenants");

    /// <inheritdoc/>
    public async Task<(ApiKey? Key, Tenant? Tenant)> FindKeyAsync(string id, CancellationToken cancellationToken)
    {
        RedisResult found = await redis.RunAsync(FindScript, [KeysKey, TenantsKey], [id], cancellationToken).ConfigureAwait(false);
        if (found.IsNull)
        {
            return (null, null);
        }
        ApiKey key = JobJson.Read<ApiKey>((byte[])found[0]!);
        // A reply's list ends at its first missing value.
        return (key, found.Length > 1 && !found[1].IsNull ? JobJson.Read<Tenant>((byte[])found[1]!) : Implied(key.Tenant));
    }

    /// <inheritdoc/>
    public Task<bool> TryAddKeyAsync(ApiKey key, CancellationToken cancellationToken) => redis.UseAsync(
        database => database.HashSetAsync(KeysKey, key.Id, JobJson.Write(key), When.NotExists), cancellationToken);

    /// <inheritdoc/>
    public async Task<ApiKey?> EndKeyAsync(string id, DateTimeOffset now, DateTimeOffset? expires, CancellationToken cancellationToken)
    {
        while (true)
        {
            RedisValue stored =
                await redis.UseAsync(database => database.HashGetAsync(KeysKey, id), cancellationToken).ConfigureAwait(false);
            if (stored.IsNull)
            {
                return null;
            }
            ApiKey ended = ApiKey.End(JobJson.Read<ApiKey>((byte[])stored!), now, expires);
            if ((bool)await redis.RunAsync(ReplaceScript, [KeysKey], [id, stored, JobJson.Write(ended)], cancellationToken).ConfigureAwait(false))
            {
                return ended;
            }
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ApiKey>> KeysAsync(CancellationToken cancellationToken)
    {
        RedisValue[] keys = await redis.UseAsync(database => database.HashValuesAsync(KeysKey), cancellationToken).ConfigureAwait(false);
        return [.. keys.Select(key => JobJson.Read<ApiKey>((byte[])key!)).OrderBy(key => key.Id, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async Task<Tenant?> FindTenantAsync(string name, CancellationToken cancellationToken)
    {
        RedisValue tenant = await redis.UseAsync(database => database.HashGetAsync(TenantsKey, name), cancellationToken).ConfigureAwait(false);
        return tenant.IsNull ? Implied(name) : JobJson.Read<Tenant>((byte[])tenant!);
    }

    /// <inheritdoc/>
    public Task PutTenantAsync(Tenant tenant, CancellationToken cancellationToken) =>
        redis.UseAsync(database => database.HashSetAsync(TenantsKey, tenant.Name, JobJson.Write(tenant)), cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Tenant>> TenantsAsync(CancellationToken cancellationToken)
    {
        RedisValue[] tenants = await redis.UseAsync(database => database.HashValuesAsync(TenantsKey), cancellationToken).ConfigureAwait(false);
        return Tenant.WithDefault(tenants.Select(tenant => JobJson.Read<Tenant>((byte[])tenant!)));
    }

    /// <inheritdoc/>
    public async Task<byte[]> SigningSecretAsync(CancellationToken cancellationToken)
    {
        RedisKey secrets = redis.Key("access:secrets");
        return (byte[])(await redis.UseAsync(
            async database =>
            {
                RedisValue known = await database.HashGetAsync(secrets, Signing).ConfigureAwait(false);
                if (known.IsNull)
                {
                    await database.HashSetAsync(secrets, Signing, RandomNumberGenerator.GetBytes(SecretBytes), When.NotExists)
                        .ConfigureAwait(false);
                    known = await database.HashGetAsync(secrets, Signing).ConfigureAwait(false);
                }
                return known;
            },
            cancellationToken).ConfigureAwait(false))!;
    }

    private static Tenant? Implied(string name) => name == Tenant.Default ? Tenant.OfDefault : null;
}
