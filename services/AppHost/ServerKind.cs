namespace Brownian.AppHost;

/// <summary>How RabbitMQ and Redis are started.</summary>
internal enum ServerKind
{
    /// <summary>As containers, by Docker or Podman.</summary>
    Containers,

    /// <summary>As Debian's programs, by the scripts of <c>deploy/local</c>.</summary>
    Programs,
}
