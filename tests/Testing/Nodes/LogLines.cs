using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Brownian.Testing.Nodes;

/// <summary>Collects log entries with their scopes.</summary>
internal sealed class LogLines : ILoggerProvider, ISupportExternalScope
{
    private readonly ConcurrentQueue<LogLine> _lines = new();
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

    public IReadOnlyList<LogLine> Lines => [.. _lines];

    public ILogger CreateLogger(string categoryName) => new Logger(this);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose()
    {
    }

    private sealed class Logger(LogLines owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => owner._scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var scopes = new Dictionary<string, object?>(StringComparer.Ordinal);
            owner._scopes.ForEachScope(
                static (scope, into) =>
                {
                    foreach ((string name, object? value) in scope as IEnumerable<KeyValuePair<string, object>> ?? [])
                    {
                        into[name] = value;
                    }
                },
                scopes);
            owner._lines.Enqueue(new LogLine(eventId.Name ?? "", formatter(state, exception), scopes));
        }
    }
}
