namespace Brownian.Jobs;

/// <summary>A part of the platform, in the terms of messages to clients.</summary>
public enum PlatformPart
{
    /// <summary>Stores jobs, tensors between stages, and the catalogue.</summary>
    JobStore,

    /// <summary>Queues stages.</summary>
    MessageBroker,

    /// <summary>Stores images and uploads.</summary>
    FileStore,

    /// <summary>The submission of a job to the store and the broker.</summary>
    Submission,

    /// <summary>The models, when none has been announced yet.</summary>
    Models,

    /// <summary>A requested model, while workers are starting and have not announced theirs.</summary>
    Model,

    /// <summary>The workers, which do not accept this gateway's calls.</summary>
    Workers,

    /// <summary>The OpenID Connect issuer of tokens.</summary>
    Issuer,
}
