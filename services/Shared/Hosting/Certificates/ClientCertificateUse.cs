namespace Brownian.Hosting.Certificates;

/// <summary>What a port does about the certificates of its clients.</summary>
public enum ClientCertificateUse
{
    /// <summary>The port asks for none.</summary>
    None,

    /// <summary>The port asks for one and accepts connections without one. A certificate that is not valid is refused in the handshake.</summary>
    Optional,

    /// <summary>The port refuses connections without a valid certificate in the handshake.</summary>
    Required,
}
