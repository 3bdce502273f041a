using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Adds the first API key, so that a new installation that requires credentials can be used at once: the key of the settings, or one that is created
/// in the data folder. A key that was revoked stays revoked.
/// </summary>
/// <param name="initial">The key; null for none.</param>
/// <param name="store">Stores keys.</param>
/// <param name="clock">The time.</param>
/// <param name="logger">Logs where the key is.</param>
public sealed class InitialKeys(InitialKey initial, IAccessStore store, TimeProvider clock, ILogger<InitialKeys> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (initial.Text is not { } text)
        {
            return;
        }
        var pause = new DoublingPause(FirstPause, MaxPause);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                bool added = await store.TryAddKeyAsync(
                    new ApiKey
                    {
                        Id = text.Id,
                        Hash = text.Hash(),
                        Tenant = Tenant.Default,
                        Name = "initial",
                        Role = Role.User,
                        Created = clock.GetUtcNow(),
                    },
                    stoppingToken).ConfigureAwait(false);
                if (initial.File is { } file)
                {
                    if (added || (await store.FindKeyAsync(text.Id, stoppingToken).ConfigureAwait(false)).Key?.IsValid(clock.GetUtcNow()) == true)
                    {
                        PlatformLog.InitialKey(logger, file);
                    }
                    else
                    {
                        PlatformLog.InitialKeyEnded(logger, file);
                    }
                }
                return;
            }
            catch (PlatformUnavailableException exception)
            {
                PlatformLog.Unavailable(logger, "the store of keys", exception.Details);
                await pause.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
        }
    }
}
