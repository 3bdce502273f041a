using System.IO.Compression;
using System.Text.Json;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Upgrade.Tests;

/// <summary>The data of an earlier version, as saved by <c>tests/Upgrade/save</c>.</summary>
/// <param name="form">one-process or cluster.</param>
internal sealed class SavedData(string form)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>All jobs in its records.</summary>
    public IReadOnlyList<SavedJob> Jobs => Read<SavedJob[]>("jobs.json");

    /// <summary>The ended jobs in the order of the gateway's list, the newest first.</summary>
    public IReadOnlyList<Job> Ended => [.. ListJobsResponse.Parser.ParseFrom(Bytes("jobs.pb")).Jobs];

    /// <summary>The events of the ended jobs as the gateway sent them, each job's in order.</summary>
    public IReadOnlyList<JobEvent> Events => Delimited(JobEvent.Parser, "events.pb");

    /// <summary>The uploads: two that jobs name, and one that no job names.</summary>
    public IReadOnlyList<UploadedImage> Uploads => Delimited(UploadedImage.Parser, "uploads.pb");

    /// <summary>The request of an ended job, with its idempotency key.</summary>
    public GenerateRequest Repeated => GenerateRequest.Parser.ParseFrom(Bytes("repeated.pb"));

    /// <summary>The jobs that have not ended, as data of a theory.</summary>
    public TheoryData<string, string, string> Unfinished =>
        [.. Jobs.Where(job => job.State != "ended").Select(job => new TheoryDataRow<string, string, string>(job.Name, job.State, job.Stage!))];

    /// <summary>The id of the ended job of a request.</summary>
    public string EndedId(string name) => Jobs.Single(job => job.Name == name && job.State == "ended").Id;

    /// <summary>A file's path.</summary>
    public string PathOf(string file) => Repository.Combine("tests", "Upgrade", "Data", form, file);

    /// <summary>A file's bytes.</summary>
    public byte[] Bytes(string file) => File.ReadAllBytes(PathOf(file));

    /// <summary>A file of JSON.</summary>
    public T Read<T>(string file)
    {
        using FileStream stream = File.OpenRead(PathOf(file));
        using Stream text = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        return JsonSerializer.Deserialize<T>(text, Json)!;
    }

    private List<T> Delimited<T>(MessageParser<T> parser, string file)
        where T : IMessage<T>
    {
        using FileStream stream = File.OpenRead(PathOf(file));
        var messages = new List<T>();
        while (stream.Position < stream.Length)
        {
            messages.Add(parser.ParseDelimitedFrom(stream));
        }
        return messages;
    }
}
