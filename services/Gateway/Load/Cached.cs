namespace Brownian.Gateway.Load;

/// <summary>A value that is read again when it is older than a given age; callers at the same time share one read.</summary>
/// <typeparam name="T">The value.</typeparam>
/// <param name="read">Reads the value.</param>
/// <param name="age">The largest age.</param>
/// <param name="time">Measures the age.</param>
internal sealed class Cached<T>(Func<CancellationToken, Task<T>> read, TimeSpan age, TimeProvider time)
{
    private readonly Lock _lock = new();
    private Task<T>? _value;
    private long _readAt;

    /// <summary>Returns the value.</summary>
    public Task<T> GetAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_value is null || _value is { IsCompleted: true, IsCompletedSuccessfully: false }
                || (_value.IsCompleted && time.GetElapsedTime(_readAt) >= age))
            {
                _readAt = time.GetTimestamp();
                // A read serves several callers, of which none may cancel it for the others.
                _value = read(CancellationToken.None);
            }
            return _value.WaitAsync(cancellationToken);
        }
    }
}
