using System.Security.Cryptography;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;

namespace Brownian.Jobs.Sqlite;

/// <summary>The keys, tenants and audit log of one process, in a SQLite file or in memory.</summary>
public sealed class SqliteAccessStore : IAccessStore, IAuditLog, IDisposable
{
    private const int SecretBytes = 32;

    /// <summary>The number of entries after which old ones are removed.</summary>
    private const int Swept = 1000;

    /// <summary>The logs: what operators did, refused calls, what tenants did.</summary>
    private const int Acts = 0, Refusals = 1, OfTenants = 2;

    private readonly SqliteDatabase _database;
    private readonly long[] _appended = new long[3];

    private SqliteAccessStore(SqliteDatabase database) => _database = database;

    /// <summary>Opens a store.</summary>
    /// <param name="file">The file, created when it does not exist; null for memory.</param>
    /// <exception cref="PlatformUnavailableException">The file cannot be used.</exception>
    public static SqliteAccessStore Open(string? file) => new(SqliteDatabase.Open(
        file,
        "the store of keys",
        """
        CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, tenant BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS audit (
          id INTEGER PRIMARY KEY, refused INTEGER NOT NULL, time INTEGER NOT NULL, tenant TEXT NOT NULL, entry BLOB NOT NULL);
        CREATE INDEX IF NOT EXISTS audit_refused ON audit (refused, id);
        """));

    /// <inheritdoc/>
    public Task<(ApiKey? Key, Tenant? Tenant)> FindKeyAsync(string id, CancellationToken cancellationToken) =>
        _database.UseAsync<(ApiKey?, Tenant?)>(() => FindKey(id) is { } key ? (key, FindTenant(key.Tenant)) : (null, null));

    /// <inheritdoc/>
    public Task<bool> TryAddKeyAsync(ApiKey key, CancellationToken cancellationToken) => _database.UseAsync(
        () => _database.Run("INSERT OR IGNORE INTO keys (id, key) VALUES ($id, $key)", ("$id", key.Id), ("$key", JobJson.Write(key))) > 0);

    /// <inheritdoc/>
    public Task<ApiKey?> EndKeyAsync(string id, DateTimeOffset now, DateTimeOffset? expires, CancellationToken cancellationToken) =>
        _database.UseAsync(() =>
        {
            if (FindKey(id) is not { } key)
            {
                return null;
            }
            ApiKey ended = ApiKey.End(key, now, expires);
            _database.Run("UPDATE keys SET key = $key WHERE id = $id", ("$id", id), ("$key", JobJson.Write(ended)));
            return ended;
        });

    /// <inheritdoc/>
    public Task<IReadOnlyList<ApiKey>> KeysAsync(CancellationToken cancellationToken) =>
        _database.UseAsync(() => _database.Rows("SELECT key FROM keys ORDER BY id", row => JobJson.Read<ApiKey>((byte[])row[0])));

    /// <inheritdoc/>
    public Task<Tenant?> FindTenantAsync(string name, CancellationToken cancellationToken) => _database.UseAsync(() => FindTenant(name));

    /// <inheritdoc/>
    public Task PutTenantAsync(Tenant tenant, CancellationToken cancellationToken) => _database.UseAsync(() => _database.Run(
        "INSERT OR REPLACE INTO tenants (name, tenant) VALUES ($name, $tenant)", ("$name", tenant.Name), ("$tenant", JobJson.Write(tenant))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Tenant>> TenantsAsync(CancellationToken cancellationToken) => _database.UseAsync(
        () => Tenant.WithDefault(_database.Rows("SELECT tenant FROM tenants", row => JobJson.Read<Tenant>((byte[])row[0]))));

    /// <inheritdoc/>
    public Task<byte[]> SigningSecretAsync(CancellationToken cancellationToken) => _database.UseAsync(() =>
    {
        _database.Run(
            "INSERT OR IGNORE INTO secrets (name, secret) VALUES ('signing', $secret)", ("$secret", RandomNumberGenerator.GetBytes(SecretBytes)));
        return _database.Rows("SELECT secret FROM secrets WHERE name = 'signing'", row => (byte[])row[0])[0];
    });

    /// <inheritdoc/>
    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        AppendAsync(entry, entry.IsOfTenant ? OfTenants : Acts, IAuditLog.Kept);

    /// <inheritdoc/>
    public Task AppendRefusalAsync(AuditEntry entry, CancellationToken cancellationToken) => AppendAsync(entry, Refusals, IAuditLog.KeptRefusals);

    /// <inheritdoc/>
    public Task<AuditPage> ReadAsync(string? tenant, AuditPosition? after, int most, CancellationToken cancellationToken) => _database.UseAsync(
        () => AuditPage.Of(
            _database.Rows(
                "SELECT id, entry FROM audit WHERE id < $after AND ($tenant IS NULL OR tenant = $tenant) ORDER BY id DESC LIMIT $most",
                row => (new AuditPosition((ulong)(long)row[0], 0, 0), JobJson.Read<AuditEntry>((byte[])row[1])),
                ("$after", (long?)after?.First ?? long.MaxValue),
                ("$tenant", tenant),
                ("$most", most + 1)),
            most));

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    private ApiKey? FindKey(string id) =>
        _database.Rows("SELECT key FROM keys WHERE id = $id", row => JobJson.Read<ApiKey>((byte[])row[0]), ("$id", id)) is [var key] ? key : null;

    private Tenant? FindTenant(string name) =>
        _database.Rows("SELECT tenant FROM tenants WHERE name = $name", row => JobJson.Read<Tenant>((byte[])row[0]), ("$name", name)) is [var tenant]
            ? tenant
            : name == Tenant.Default ? Tenant.OfDefault : null;

    private Task<int> AppendAsync(AuditEntry entry, int log, int kept) => _database.UseAsync(() =>
    {
        (string, object?)[] named =
        [
            ("$refused", log), ("$time", entry.Time.ToUnixTimeMilliseconds()), ("$tenant", entry.Tenant), ("$entry", JobJson.Write(entry)),
            ("$kept", kept),
        ];
        _database.Run("INSERT INTO audit (refused, time, tenant, entry) VALUES ($refused, $time, $tenant, $entry)", named);
        // The newest entries are found by counting, so old ones are removed now and then only.
        return ++_appended[log] % Swept != 0 ? 0 : _database.Run(
            "DELETE FROM audit WHERE refused = $refused AND id <= "
                + "(SELECT id FROM audit WHERE refused = $refused ORDER BY id DESC LIMIT 1 OFFSET $kept)",
            named);
    });
}
