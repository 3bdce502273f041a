namespace Brownian.AppHost;

/// <summary>How RabbitMQ and Redis are started.</summary>
internal enum ServerKind
{
    /// <summary>As containers, with Docker or Podman.</summary>
    Containers,

    /// <summary>As programs from Debian's packages, with the scripts of <c>deploy/local</c>.</summary>
    Programs,
}
