using System.Security.Cryptography;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Records;

/// <summary>A finished image, or what a job left after a stage.</summary>
/// <param name="Id">To get it by.</param>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">Pixels; 0 for no image.</param>
/// <param name="Height">Pixels; 0 for no image.</param>
/// <param name="MediaType">For example <c>image/png</c>.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="Sha256">Of the file, hexadecimal.</param>
public sealed record JobArtifact(string Id, int Index, ulong Seed, int Width, int Height, string MediaType, long Length, string Sha256)
{
    /// <summary>The id of a job's image.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="index">The image's place in the request, from 0.</param>
    public static string IdOf(string job, int index) => string.Create(CultureInfo.InvariantCulture, $"{job}-{index}");

    /// <summary>What a job's record says of an image.</summary>
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
