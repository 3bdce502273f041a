namespace Brownian.Gateway.OpenAi;

/// <summary>The calls of OpenAI's Images API.</summary>
internal enum OpenAiCall
{
    /// <summary>An image from a prompt.</summary>
    Generation,

    /// <summary>An image from an image and a prompt, in the area of a mask if there is one.</summary>
    Edit,

    /// <summary>An image like another one.</summary>
    Variation,
}
