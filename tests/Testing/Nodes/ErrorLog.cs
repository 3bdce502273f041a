using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Brownian.Testing.Nodes;

/// <summary>The errors that a node logs. A test fails when its node logs one that the test does not expect.</summary>
internal sealed class ErrorLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly ConcurrentQueue<string> _expected = [];

    /// <summary>The errors that contain none of the expected texts.</summary>
    public IReadOnlyList<string> Unexpected =>
        [.. _errors.Where(error => !_expected.Any(part => error.Contains(part, StringComparison.Ordinal)))];

    /// <summary>Expects errors that contain a text, whether they are logged before or after this call.</summary>
    public void Expect(string part) => _expected.Enqueue(part);

    public ILogger CreateLogger(string categoryName) => new Log(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Log(ErrorLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        void ILogger.Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                log._errors.Enqueue($"{category}: {formatter(state, exception)}{(exception is null ? "" : "\n" + exception)}");
            }
        }
    }
}
