namespace Brownian.Jobs;

/// <summary>What the platform is built on, as clients hear of it.</summary>
public enum PlatformPart
{
    /// <summary>Where jobs, tensors on the way and the catalogue are.</summary>
    JobStore,

    /// <summary>Where stages wait.</summary>
    MessageBroker,

    /// <summary>Where images and uploads are.</summary>
    FileStore,

    /// <summary>The way of a job into the store and the broker.</summary>
    Submission,

    /// <summary>The models, of which none is announced yet.</summary>
    Models,

    /// <summary>A model that is asked for, while workers are about to announce theirs.</summary>
    Model,
}
