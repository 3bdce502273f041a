namespace Brownian.Upgrade.Saver;

/// <summary>A job among the saved records.</summary>
/// <param name="Name">The request's name.</param>
/// <param name="Id">Its id.</param>
/// <param name="State">ended, waits, returned (by a worker that was stopped) or running (its worker was killed).</param>
/// <param name="Stage">The stage that it waits for or was stopped in; null if it ended.</param>
internal sealed record SavedJob(string Name, string Id, string State, string? Stage = null);
