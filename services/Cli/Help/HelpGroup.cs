namespace Brownian.Cli.Help;

/// <summary>A section of a command's help, in the order of the help.</summary>
internal enum HelpGroup
{
    /// <summary>Options of commands that have no groups.</summary>
    Options,

    /// <summary>Prompts and their syntax.</summary>
    Prompt,

    /// <summary>Size, number, seeds, and images that the request starts from.</summary>
    Image,

    /// <summary>Steps, scheduler, guidance and noise.</summary>
    Sampling,

    /// <summary>The model, LoRAs and textual inversions.</summary>
    Model,

    /// <summary>ControlNets.</summary>
    ControlNet,

    /// <summary>Stable Diffusion XL and its refiner.</summary>
    Xl,

    /// <summary>What a request begins with: files, presets and the settings of images.</summary>
    Request,

    /// <summary>Files and what is printed.</summary>
    Output,

    /// <summary>Several requests at once.</summary>
    Batch,

    /// <summary>Images that a gateway generates.</summary>
    Server,

    /// <summary>What few requests need.</summary>
    Advanced,
}
