using System.Text.Json.Nodes;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Inference.Benchmarking;

/// <summary>Requests by which a model is tried: a prompt, a seed and few steps.</summary>
internal static class TrialRequest
{
    /// <summary>Resolves a request.</summary>
    /// <param name="generator">The model.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="maxSide">The usual size is halved until it is not larger, where the model draws such sizes.</param>
    /// <exception cref="FieldFaultException">The model does not draw from a prompt alone.</exception>
    public static ResolvedRequest Resolve(ImageGenerator generator, string prompt, ulong seed, int steps, int maxSide)
    {
        var request = new JsonObject { ["prompt"] = prompt, ["seed"] = seed, ["steps"] = steps };
        ResolvedRequest usual = generator.Resolve(RequestReader.Read(request));
        (int width, int height) = (usual.Width, usual.Height);
        while (Math.Max(width, height) > maxSide)
        {
            (width, height) = (width / 2, height / 2);
        }
        request["width"] = width;
        request["height"] = height;
        try
        {
            return generator.Resolve(RequestReader.Read(request));
        }
        catch (FieldFaultException)
        {
            // The model draws its usual size only.
            return usual;
        }
    }
}
