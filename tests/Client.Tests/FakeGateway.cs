using System.Collections.Concurrent;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Client.Tests;

/// <summary>A gateway whose answers a test scripts; it records the requests that reach it.</summary>
internal sealed class FakeGateway : IAsyncDisposable
{
    private readonly GenerationService _generation = new();
    private GrpcServer _server = null!;

    public delegate Task Script(IServerStreamWriter<JobEvent> events, CancellationToken cancellationToken);

    /// <summary>The address that it listens on.</summary>
    public string Address => _server.Address;

    public ConcurrentQueue<GenerateRequest> Generated => _generation.Generated;

    public ConcurrentQueue<WatchJobRequest> Watched => _generation.Watched;

    /// <summary>The ids of the jobs that were cancelled.</summary>
    public ConcurrentQueue<string> Cancelled => _generation.Cancelled;

    /// <summary>The headers of every call, by name.</summary>
    public ConcurrentQueue<string> Headers => _generation.Headers;

    /// <summary>The bytes of the last upload.</summary>
    public byte[] Uploaded => _generation.Uploaded;

    /// <summary>The script that answers Generate.</summary>
    public Script OnGenerate
    {
        set => _generation.OnGenerate = value;
    }

    /// <summary>The script that answers Watch.</summary>
    public Script OnWatch
    {
        set => _generation.OnWatch = value;
    }

    /// <summary>The status with which it refuses an upload after the first chunk; null to accept it.</summary>
    public Status? RefusesUploads
    {
        set => _generation.RefusesUploads = value;
    }

    public static async Task<FakeGateway> StartAsync()
    {
        var gateway = new FakeGateway();
        gateway._server = await GrpcServer.StartAsync(gateway._generation);
        return gateway;
    }

    /// <summary>A script that writes events and ends.</summary>
    public static Script Write(params JobEvent[] events) => async (stream, stop) =>
    {
        foreach (JobEvent item in events)
        {
            await stream.WriteAsync(item, stop);
        }
    };

    /// <summary>A script that writes events and fails with a status.</summary>
    public static Script Fail(StatusCode status, params JobEvent[] events) => async (stream, stop) =>
    {
        await Write(events)(stream, stop);
        throw new RpcException(new Status(status, "scripted"));
    };

    /// <summary>A script that writes events and stays open until the call ends.</summary>
    public static Script Stay(params JobEvent[] events) => async (stream, stop) =>
    {
        await Write(events)(stream, stop);
        await Task.Delay(Timeout.Infinite, stop);
    };

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private sealed class GenerationService : Generation.GenerationBase
    {
        public ConcurrentQueue<GenerateRequest> Generated { get; } = [];

        public ConcurrentQueue<WatchJobRequest> Watched { get; } = [];

        public ConcurrentQueue<string> Cancelled { get; } = [];

        public ConcurrentQueue<string> Headers { get; } = [];

        public byte[] Uploaded { get; private set; } = [];

        public Script OnGenerate { get; set; } = Fail(StatusCode.Unimplemented);

        public Script OnWatch { get; set; } = Fail(StatusCode.Unimplemented);

        public Status? RefusesUploads { get; set; }

        public override Task Generate(GenerateRequest request, IServerStreamWriter<JobEvent> responseStream, ServerCallContext context)
        {
            Record(context);
            Generated.Enqueue(request);
            return OnGenerate(responseStream, context.CancellationToken);
        }

        public override Task Watch(WatchJobRequest request, IServerStreamWriter<JobEvent> responseStream, ServerCallContext context)
        {
            Record(context);
            Watched.Enqueue(request);
            return OnWatch(responseStream, context.CancellationToken);
        }

        public override Task<CancelJobResponse> Cancel(CancelJobRequest request, ServerCallContext context)
        {
            Record(context);
            Cancelled.Enqueue(request.Id);
            return Task.FromResult(new CancelJobResponse());
        }

        public override async Task GetArtifact(
            GetArtifactRequest request, IServerStreamWriter<ArtifactChunk> responseStream, ServerCallContext context)
        {
            foreach (byte part in (byte[])[1, 2, 3])
            {
                await responseStream.WriteAsync(new ArtifactChunk { Data = Google.Protobuf.ByteString.CopyFrom([.. Enumerable.Repeat(part, part)]) });
            }
        }

        public override async Task<UploadedImage> Upload(IAsyncStreamReader<UploadChunk> requestStream, ServerCallContext context)
        {
            using var bytes = new MemoryStream();
            while (await requestStream.MoveNext(context.CancellationToken))
            {
                requestStream.Current.Data.WriteTo(bytes);
                if (RefusesUploads is { } status)
                {
                    throw new RpcException(status);
                }
            }
            Uploaded = bytes.ToArray();
            return new UploadedImage { Id = "upload" };
        }

        private void Record(ServerCallContext context)
        {
            foreach (Metadata.Entry header in context.RequestHeaders)
            {
                Headers.Enqueue(header.Key);
            }
        }
    }
}
