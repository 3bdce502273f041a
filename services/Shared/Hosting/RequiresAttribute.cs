using Brownian.Jobs.Access;

namespace Brownian.Hosting;

/// <summary>
/// The permission that callers of an endpoint need. An endpoint that states none needs <see cref="Permission.Administer"/>, so that a new door is
/// closed until its code opens it.
/// </summary>
/// <param name="permission">The permission; <see cref="Permission.None"/> for an endpoint that is open to every caller.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RequiresAttribute(Permission permission) : Attribute
{
    /// <summary>The permission.</summary>
    public Permission Permission => permission;

    /// <summary>
    /// Whether the service itself admits callers that the guard does not know, because their credentials are in the message.
    /// </summary>
    public bool IsCheckedByService { get; init; }
}
