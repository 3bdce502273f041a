namespace Brownian.Import.Folders;

/// <summary>How a checkpoint is imported.</summary>
/// <param name="Variant">The variant of a folder's files to prefer, such as <c>fp16</c>; null for none.</param>
/// <param name="Graphs">How graphs are built.</param>
public sealed record ImportSettings(string? Variant, GraphOptions Graphs)
{
    /// <summary>
    /// A diffusers folder whose configurations, scheduler and tokenizers are used for a single file; null to tell them from the file.
    /// </summary>
    public string? ConfigFolder { get; init; }

    /// <summary>A file or folder of an autoencoder that replaces that of a single file; null for the file's own.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>
    /// Files or folders of text encoders that replace or complete those of a single file. What each of them is follows from the names of its
    /// tensors.
    /// </summary>
    public IReadOnlyList<string> TextEncoders { get; init; } = [];

    /// <summary>The folder of the tokenizer of a single file's T5 text encoder; null for the folder beside the encoder.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Whether the averaged weights of a single file are used, which some files have beside those of the last step (EMA).</summary>
    public bool UsesAverages { get; init; }

    /// <summary>What the model of a single file predicts, <c>epsilon</c> or <c>v_prediction</c>; null to tell it from the file.</summary>
    public string? PredictionType { get; init; }

    /// <summary>
    /// Whether the UNet takes the outputs of ControlNets. That of a folder with a ControlNet always does.
    /// </summary>
    public bool TakesControlNets { get; init; }

    /// <summary>Where the checkpoint comes from; null for a folder or file of the user, which is named by its name.</summary>
    public ImportOrigin? Origin { get; init; }
}
