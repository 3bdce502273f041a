using Brownian.Formats.Files;

namespace Brownian.Import.Hub;

/// <summary>Repeats what failed in a way that can pass, after delays that grow.</summary>
/// <param name="delay">Waits.</param>
internal sealed class HubRetries(Func<TimeSpan, CancellationToken, Task> delay)
{
    /// <summary>The number of tries.</summary>
    public const int MaxTries = 4;

    /// <summary>The longest time that a server may ask to wait.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    /// <summary>Runs an action until it succeeds.</summary>
    /// <param name="action">The action. It throws <see cref="HubException"/> where another try can succeed.</param>
    /// <param name="hasAdvanced">Returns whether the last try brought enough that the tries are counted anew; null for never.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ModelException">The last try failed, or the server asks to wait longer than <see cref="MaxDelay"/>.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> action, Func<bool>? hasAdvanced, CancellationToken cancellationToken)
    {
        int tries = 0;
        while (true)
        {
            try
            {
                return await action(cancellationToken);
            }
            catch (HubException exception)
            {
                tries = hasAdvanced?.Invoke() == true ? 1 : tries + 1;
                if (tries == MaxTries)
                {
                    throw new ModelException(
                        $"{exception.Message}, in {MaxTries} tries; the same command continues with the bytes that are there", exception);
                }
                TimeSpan wait = exception.RetryAfter ?? First * Math.Pow(4, tries - 1);
                if (wait > MaxDelay)
                {
                    throw new ModelException(
                        string.Create(CultureInfo.InvariantCulture, $"{exception.Message}, and asks to wait {wait.TotalMinutes:0} minutes: ")
                            + "give the same command later, which continues with the bytes that are there",
                        exception);
                }
                await delay(wait, cancellationToken);
            }
        }
    }
}
