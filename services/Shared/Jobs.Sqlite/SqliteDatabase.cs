using Microsoft.Data.Sqlite;

namespace Brownian.Jobs.Sqlite;

/// <summary>
/// A SQLite file of one process that survives a restart, or a database in memory. Calls are short, and run on the caller's thread one at a time.
/// </summary>
internal sealed class SqliteDatabase : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly string _name;

    private SqliteDatabase(SqliteConnection connection, string name) => (_connection, _name) = (connection, name);

    /// <summary>Opens a database.</summary>
    /// <param name="file">The file, created when it does not exist; null for memory.</param>
    /// <param name="name">What the file is, for messages.</param>
    /// <param name="schema">Creates the tables that do not exist.</param>
    /// <exception cref="PlatformUnavailableException">The file cannot be used.</exception>
    public static SqliteDatabase Open(string? file, string name, string schema)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file ?? ":memory:", Pooling = false }.ToString());
        try
        {
            connection.Open();
            var database = new SqliteDatabase(connection, name);
            database.Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + schema);
            return database;
        }
        catch (SqliteException exception)
        {
            connection.Dispose();
            throw new PlatformUnavailableException(PlatformPart.JobStore, $"{name} {file} cannot be opened: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _connection.Dispose();
        }
    }

    /// <summary>Runs an operation in a transaction.</summary>
    /// <exception cref="PlatformUnavailableException">The database cannot be used.</exception>
    public Task<T> UseAsync<T>(Func<T> use)
    {
        try
        {
            lock (_lock)
            {
                using SqliteTransaction transaction = _connection.BeginTransaction();
                T result = use();
                transaction.Commit();
                return Task.FromResult(result);
            }
        }
        catch (SqliteException exception)
        {
            return Task.FromException<T>(
                new PlatformUnavailableException(PlatformPart.JobStore, $"SQLite, {_name}: {exception.Message}", exception));
        }
    }

    /// <summary>Runs a statement, within an operation.</summary>
    /// <returns>The number of changed rows.</returns>
    public int Run(string text, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(text, parameters);
        return command.ExecuteNonQuery();
    }

    /// <summary>Returns the only number of a query, within an operation; null when there is none.</summary>
    public long? Number(string text, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(text, parameters);
        return command.ExecuteScalar() switch
        {
            long whole => whole,
            double sum => (long)sum,
            _ => null,
        };
    }

    /// <summary>Returns the rows of a query, within an operation.</summary>
    public IReadOnlyList<T> Rows<T>(string text, Func<SqliteDataReader, T> read, params (string Name, object? Value)[] parameters)
    {
        using SqliteCommand command = Command(text, parameters);
        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(read(reader));
        }
        return rows;
    }

    /// <summary>Returns a statement with those of the parameters that it names.</summary>
    private SqliteCommand Command(string text, (string Name, object? Value)[] parameters)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = text;
        foreach ((string name, object? value) in parameters.Where(parameter => text.Contains(parameter.Name, StringComparison.Ordinal)))
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }
        return command;
    }
}
