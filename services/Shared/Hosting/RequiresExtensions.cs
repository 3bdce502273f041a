using Brownian.Jobs.Access;
using Microsoft.AspNetCore.Builder;

namespace Brownian.Hosting;

/// <summary>States the permissions of endpoints that are no methods of a service of this product.</summary>
public static class RequiresExtensions
{
    /// <summary>States the permission that callers of endpoints need.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder endpoints, Permission permission)
        where TBuilder : IEndpointConventionBuilder =>
        endpoints.WithMetadata(new RequiresAttribute(permission));
}
