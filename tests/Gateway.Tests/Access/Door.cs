using Brownian.Hosting;
using Brownian.Jobs.Access;

namespace Brownian.Gateway.Tests.Access;

/// <summary>A row of the table of doors.</summary>
/// <param name="Permission">What a caller needs.</param>
/// <param name="Port">The ports at which it is.</param>
/// <param name="Counts">Whether a call counts for a quota.</param>
/// <param name="Names">Whether a call names a thing that belongs to a tenant.</param>
internal sealed record Door(Permission Permission, ListeningPort Port, bool Counts = false, bool Names = false);
