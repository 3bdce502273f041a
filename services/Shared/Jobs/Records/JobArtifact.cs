using System.Security.Cryptography;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Records;

/// <summary>A finished image, or a partial result that a job left after a stage.</summary>
/// <param name="Id">The id by which it is requested.</param>
/// <param name="Index">The image's index in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">The width in pixels; 0 when the artifact is not an image.</param>
/// <param name="Height">The height in pixels; 0 when the artifact is not an image.</param>
/// <param name="MediaType">For example <c>image/png</c>.</param>
/// <param name="Length">The length of the file in bytes.</param>
/// <param name="Sha256">The SHA-256 of the file, in hexadecimal.</param>
public sealed record JobArtifact(string Id, int Index, ulong Seed, int Width, int Height, string MediaType, long Length, string Sha256)
{
    /// <summary>The tenant of an image that no job made; null for the default one, and in a job's record.</summary>
    public string? Tenant { get; init; }

    /// <summary>Returns the id of a job's image.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="index">The image's index in the request, from 0.</param>
    public static string IdOf(string job, int index) => string.Create(CultureInfo.InvariantCulture, $"{job}-{index}");

    /// <summary>Creates the entry of an image in a job's record.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="image">The image.</param>
    public static JobArtifact Of(string job, StageArtifact image) => new(
        IdOf(job, image.Index),
        image.Index,
        image.Seed,
        image.Width,
        image.Height,
        image.MediaType,
        image.Bytes.Length,
        Convert.ToHexStringLower(SHA256.HashData(image.Bytes)));
}
