using System.Security.Cryptography;
using Brownian.Models.Stages;

namespace Brownian.Jobs.Records;

/// <summary>A finished picture, or what a job left after a stage.</summary>
/// <param name="Id">To get it by.</param>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">Pixels; 0 for no picture.</param>
/// <param name="Height">Pixels; 0 for no picture.</param>
/// <param name="MediaType">For example <c>image/png</c>.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="Sha256">Of the file, hexadecimal.</param>
public sealed record JobArtifact(string Id, int Index, ulong Seed, int Width, int Height, string MediaType, long Length, string Sha256)
{
    /// <summary>The id of a job's picture.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="index">The picture's place in the request, from 0.</param>
    public static string IdOf(string job, int index) => string.Create(CultureInfo.InvariantCulture, $"{job}-{index}");

    /// <summary>What a job's record says of a picture.</summary>
    /// <param name="job">The job's id.</param>
    /// <param name="picture">The picture.</param>
    public static JobArtifact Of(string job, StageArtifact picture) => new(
        IdOf(job, picture.Index),
        picture.Index,
        picture.Seed,
        picture.Width,
        picture.Height,
        picture.MediaType,
        picture.Bytes.Length,
        Convert.ToHexStringLower(SHA256.HashData(picture.Bytes)));
}
