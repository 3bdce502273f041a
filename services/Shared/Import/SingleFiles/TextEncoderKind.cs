namespace Brownian.Import.SingleFiles;

/// <summary>A kind of text encoders.</summary>
internal enum TextEncoderKind
{
    /// <summary>OpenAI's CLIP (CLIP-L).</summary>
    Clip,

    /// <summary>OpenCLIP (CLIP-G and CLIP-H), whose activation and padding differ from CLIP's.</summary>
    OpenClip,

    /// <summary>T5.</summary>
    T5,
}
