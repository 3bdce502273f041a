using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Import.Tests.Hub;

/// <summary>
/// A hub on loopback with the files of a folder as its repository <see cref="Repository"/>, and a second server to which it redirects large files, as
/// hubs do. The second server refuses requests with a token.
/// </summary>
internal sealed class HubServer : IAsyncDisposable
{
    public const string Repository = "artist/tiny", Commit = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>The token of a user that accepted the repository's terms, and that of one that did not.</summary>
    public const string Token = "hub_secret", OtherToken = "hub_other";

    private static readonly string[] Large = [".safetensors", ".bin", ".ckpt", ".pth", ".msgpack", ".onnx"];

    private readonly WebApplication _hub;
    private readonly WebApplication _store;
    private readonly string _folder;

    private HubServer(string folder)
    {
        _folder = folder;
        (_hub, _store) = (Create(AnswerAsync), Create(AnswerStoreAsync));
    }

    /// <summary>The hub's address.</summary>
    public Uri Address => AddressOf(_hub);

    /// <summary>The licence in the repository's card; null for none.</summary>
    public string? License { get; set; }

    /// <summary>Whether files are read only with the token.</summary>
    public bool IsGated { get; set; }

    /// <summary>Whether large files are redirected to the second server.</summary>
    public bool Redirects { get; set; }

    /// <summary>Where large files are redirected to instead.</summary>
    public string? RedirectTarget { get; set; }

    /// <summary>Whether the header Range is ignored.</summary>
    public bool IgnoresRanges { get; set; }

    /// <summary>Whether the length of an answer is left out.</summary>
    public bool IsChunked { get; set; }

    /// <summary>The tag of files; their content does not change it.</summary>
    public string Tag { get; set; } = "\"first\"";

    /// <summary>Changes the description of the repository.</summary>
    public Action<JsonObject>? Describe { get; set; }

    /// <summary>Answers the description instead.</summary>
    public byte[]? Description { get; set; }

    /// <summary>Contents that are sent in place of files.</summary>
    public Dictionary<string, byte[]> Contents { get; } = new(StringComparer.Ordinal);

    /// <summary>The number of bytes after which the next answers with large files end, each once.</summary>
    public ConcurrentQueue<int> Cuts { get; } = new();

    /// <summary>What is answered first in place of files and descriptions, each once: a status and the header Retry-After.</summary>
    public ConcurrentQueue<(int Status, string? RetryAfter)> Refusals { get; } = new();

    /// <summary>The requests of both servers, in order.</summary>
    public ConcurrentQueue<HubRequest> Requests { get; } = new();

    /// <summary>Called with each request before it is answered.</summary>
    public Action<HubRequest>? Received { get; set; }

    /// <summary>The paths of the files that were requested.</summary>
    public string[] RequestedFiles =>
        [.. Requests.Select(request => request.Path).Where(path => !path.StartsWith('/')).Distinct().Order(StringComparer.Ordinal)];

    public static async Task<HubServer> StartAsync(string folder)
    {
        var server = new HubServer(folder);
        await server._hub.StartAsync(TestContext.Current.CancellationToken);
        await server._store.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        await _store.DisposeAsync();
    }

    private static WebApplication Create(RequestDelegate answer)
    {
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = web.Build();
        app.Run(answer);
        return app;
    }

    private static Uri AddressOf(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    private static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    [SuppressMessage("Security", "CA5350", Justification = "Git's ids are SHA-1.")]
    private static string BlobId(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    private static bool IsLarge(string path) => Large.Contains(Path.GetExtension(path), StringComparer.Ordinal);

    private void Record(HttpContext context, string path)
    {
        var request = new HubRequest(path, Header("Range"), Header("Authorization"));
        Requests.Enqueue(request);
        Received?.Invoke(request);

        string? Header(string name) => context.Request.Headers[name] is [var value] ? value : null;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path.Value!;
        string files = $"/{Repository}/resolve/{Commit}/", description = $"/api/models/{Repository}/revision/";
        bool isFile = path.StartsWith(files, StringComparison.Ordinal);
        string file = isFile ? path[files.Length..] : "";
        Record(context, isFile ? file : path);
        if (Refusals.TryDequeue(out (int Status, string? RetryAfter) refusal))
        {
            context.Response.Headers.RetryAfter = refusal.RetryAfter;
            context.Response.Headers.Date = "Mon, 01 Jan 2029 00:00:00 GMT";
            context.Response.StatusCode = refusal.Status;
        }
        else if (context.Request.Headers.Authorization is [var sent] && sent is not ($"Bearer {Token}" or $"Bearer {OtherToken}"))
        {
            Refuse(context, 401, "", "Invalid credentials in Authorization header");
        }
        else if (isFile)
        {
            await AnswerFileAsync(context, file);
        }
        else if (path.StartsWith("/direct/", StringComparison.Ordinal))
        {
            await SendAsync(context, path["/direct/".Length..]);
        }
        else if (path.StartsWith(description, StringComparison.Ordinal))
        {
            string revision = Uri.UnescapeDataString(path[description.Length..]);
            if (revision is "main" or "refs/pr/1" or Commit)
            {
                Assert.Equal("?blobs=true", context.Request.QueryString.Value);
                await context.Response.Body.WriteAsync(Description ?? Encoding.UTF8.GetBytes(Own().ToJsonString()));
            }
            else
            {
                Refuse(context, 404, "RevisionNotFound", "Invalid rev id: " + revision);
            }
        }
        else
        {
            // Hubs do not tell missing repositories from private ones.
            Refuse(context, 401, "RepoNotFound", "Repository not found");
        }
    }

    private async Task AnswerFileAsync(HttpContext context, string file)
    {
        if (IsGated && context.Request.Headers.Authorization != $"Bearer {Token}")
        {
            Refuse(context, 401, "GatedRepo", $"Access to model {Repository} is restricted.");
        }
        else if (IsLarge(file) && (Redirects || RedirectTarget is not null))
        {
            context.Response.Headers["X-Linked-Etag"] = $"\"{Sha256(File.ReadAllBytes(Path.Combine(_folder, file)))}\"";
            context.Response.Redirect(RedirectTarget ?? $"{AddressOf(_store)}store/{file}?signature=secret");
        }
        else
        {
            await SendAsync(context, file);
        }
    }

    private async Task AnswerStoreAsync(HttpContext context)
    {
        string file = context.Request.Path.Value!["/store/".Length..];
        Record(context, file);
        if (context.Request.Headers.Authorization.Count > 0)
        {
            context.Response.StatusCode = 400;
            return;
        }
        await SendAsync(context, file);
    }

    private async Task SendAsync(HttpContext context, string file)
    {
        string path = Path.Combine(_folder, file);
        if (!Contents.TryGetValue(file, out byte[]? content))
        {
            if (!File.Exists(path))
            {
                Refuse(context, 404, "EntryNotFound", "Entry not found");
                return;
            }
            content = File.ReadAllBytes(path);
        }
        int from = 0;
        string? range = context.Request.Headers.Range, condition = context.Request.Headers.IfRange;
        if (range is not null && !IgnoresRanges && (condition is null || condition == Tag))
        {
            from = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            if (from >= content.Length)
            {
                context.Response.StatusCode = 416;
                return;
            }
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        context.Response.Headers.ETag = Tag;
        context.Response.ContentLength = IsChunked ? null : content.Length - from;
        int length = content.Length - from;
        if (IsLarge(file) && Cuts.TryDequeue(out int cut))
        {
            length = Math.Min(length, cut);
        }
        // The server closes the connection after an answer that is shorter than it says.
        await context.Response.Body.WriteAsync(content.AsMemory(from, length));
    }

    private static void Refuse(HttpContext context, int status, string code, string message)
    {
        context.Response.StatusCode = status;
        context.Response.Headers["X-Error-Code"] = code;
        context.Response.Headers["X-Error-Message"] = message;
    }

    private JsonObject Own()
    {
        var files = new JsonArray();
        foreach (string path in Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            byte[] content = File.ReadAllBytes(path);
            var file = new JsonObject
            {
                ["rfilename"] = Path.GetRelativePath(_folder, path).Replace('\\', '/'),
                ["size"] = content.Length,
                ["blobId"] = IsLarge(path) ? new string('0', 40) : BlobId(content),
            };
            if (IsLarge(path))
            {
                file["lfs"] = new JsonObject { ["sha256"] = Sha256(content), ["size"] = content.Length, ["pointerSize"] = 134 };
            }
            files.Add(file);
        }
        var description = new JsonObject
        {
            ["_id"] = "1",
            ["id"] = Repository,
            ["sha"] = Commit,
            ["private"] = false,
            ["gated"] = IsGated ? "auto" : false,
            ["disabled"] = false,
            ["cardData"] = License is null ? null : new JsonObject { ["license"] = License },
            ["siblings"] = files,
        };
        Describe?.Invoke(description);
        return description;
    }
}
