namespace Brownian.Jobs.Access;

/// <summary>The roles of callers. Each has the permissions of those before it.</summary>
public enum Role
{
    /// <summary>Uses the service for a tenant.</summary>
    User,

    /// <summary>Operates workers and reads metrics.</summary>
    Operator,

    /// <summary>Manages keys and tenants.</summary>
    Admin,
}
