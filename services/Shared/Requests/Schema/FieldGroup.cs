namespace Brownian.Requests.Schema;

/// <summary>The group of a field: a section of the reference and of the command line's help, and part of families' allow lists.</summary>
public enum FieldGroup
{
    /// <summary>The task and the model.</summary>
    Model,

    /// <summary>Prompts and their syntax.</summary>
    Prompt,

    /// <summary>Images that the request starts from.</summary>
    Image,

    /// <summary>Size, seeds and number of images.</summary>
    Size,

    /// <summary>Steps, scheduler and noise.</summary>
    Sampling,

    /// <summary>Classifier-free guidance and its variants.</summary>
    Guidance,

    /// <summary>LoRAs and textual inversions.</summary>
    Adapters,

    /// <summary>ControlNets.</summary>
    ControlNet,

    /// <summary>Stable Diffusion XL and its refiner.</summary>
    Xl,

    /// <summary>A second pass, tiles and super-resolution.</summary>
    Upscaling,

    /// <summary>unCLIP: prior, decoder and super-resolution.</summary>
    Unclip,

    /// <summary>Cascades of several models.</summary>
    Cascade,

    /// <summary>Files and previews.</summary>
    Output,

    /// <summary>The job that runs the request, at a gateway.</summary>
    Job,
}
