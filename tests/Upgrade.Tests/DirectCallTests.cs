using System.Runtime.InteropServices;
using Brownian.Hosting;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Upgrade.Tests;

/// <summary>Calls that an earlier version's gateway made to its stage services get the same answers from today's.</summary>
public sealed class DirectCallTests(DirectCallTests.Services services) : IClassFixture<DirectCallTests.Services>
{
    /// <summary>The tolerance of embeddings and latents, whose numbers depend on the processor and on ONNX Runtime.</summary>
    private const float Tolerance = 2e-3f;

    private static readonly Dictionary<string, MethodDescriptor> Methods = ((FileDescriptor[])
        [TextEncoderReflection.Descriptor, DenoiserReflection.Descriptor, VaeReflection.Descriptor])
        .SelectMany(file => file.Services)
        .SelectMany(service => service.Methods)
        .ToDictionary(method => $"/{method.Service.FullName}/{method.Name}");

    private static readonly RecordedCall[] Recorded = new SavedData("cluster").Read<RecordedCall[]>("calls.json.gz");

    public static TheoryData<int, string, string> Calls =>
        [.. Recorded.Select((call, i) => new TheoryDataRow<int, string, string>(i, call.Request, call.Method))];

    [Fact]
    public void The_recorded_calls_cover_every_method_of_a_plain_request()
    {
        Assert.Equal(
            ["/brownian.v1.Denoiser/Denoise", "/brownian.v1.TextEncoder/Encode", "/brownian.v1.Vae/Decode", "/brownian.v1.Vae/Encode"],
            Recorded.Select(call => call.Method).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_recorded_call_gets_the_recorded_answer(int index, string request, string method)
    {
        RecordedCall call = Recorded[index];
        Assert.Equal((call.Request, call.Method), (request, method));
        MethodDescriptor known = Methods[method];
        AssertKnown(known.InputType, call.Message);
        AssertKnown(known.OutputType, call.Answer);

        byte[] answer = await CallAsync(method, call.Message);

        AssertClose(known.OutputType.Parser.ParseFrom(call.Answer), known.OutputType.Parser.ParseFrom(answer));
    }

    /// <summary>Checks that today's contract has every field of the message.</summary>
    private static void AssertKnown(MessageDescriptor type, byte[] message) =>
        Assert.Equal(message.Length, type.Parser.WithDiscardUnknownFields(true).ParseFrom(message).CalculateSize());

    /// <summary>Checks that every recorded field has its recorded value; today's answer may have further fields.</summary>
    private static void AssertClose(IMessage expected, IMessage actual)
    {
        if (expected is Tensor before)
        {
            AssertClose(before, (Tensor)actual);
            return;
        }
        foreach (FieldDescriptor field in expected.Descriptor.Fields.InDeclarationOrder())
        {
            object? was = field.Accessor.GetValue(expected), now = field.Accessor.GetValue(actual);
            if (was is IMessage inner)
            {
                Assert.True(now is IMessage, $"{field.FullName} is missing");
                AssertClose(inner, (IMessage)now);
            }
            else if (field.IsRepeated ? ((System.Collections.IList)was!).Count > 0 : was is not null)
            {
                Assert.Equal(was, now);
            }
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        Assert.Equal((expected.DataType, expected.Shape), (actual.DataType, actual.Shape));
        Assert.Equal(expected.Data.Length, actual.Data.Length);
        if (expected.DataType == DataType.Uint8)
        {
            Assert.InRange(expected.Data.Span.ToArray().Zip(actual.Data.Span.ToArray(), (first, second) => Math.Abs(first - second)).Max(), 0, 2);
            return;
        }
        Assert.Equal(DataType.Float32, expected.DataType);
        float[] before = MemoryMarshal.Cast<byte, float>(expected.Data.Span).ToArray();
        float[] now = MemoryMarshal.Cast<byte, float>(actual.Data.Span).ToArray();
        Assert.All(before.Zip(now), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, Tolerance));
    }

    /// <summary>Makes a call with serialized messages; returns the last message of the answer.</summary>
    private async Task<byte[]> CallAsync(string path, byte[] message)
    {
        string[] parts = path.Split('/');
        Marshaller<byte[]> unchanged = Marshallers.Create<byte[]>(static bytes => bytes, static bytes => bytes);
        // On the wire a unary answer is a stream of one message.
        var method = new Method<byte[], byte[]>(MethodType.ServerStreaming, parts[1], parts[2], unchanged, unchanged);
        using AsyncServerStreamingCall<byte[]> call = services.Channel.CreateCallInvoker().AsyncServerStreamingCall(
            method, null, new CallOptions(deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Installation.Stop), message);
        return await call.ResponseStream.ReadAllAsync(Installation.Stop).LastAsync(Installation.Stop);
    }

    /// <summary>Today's stage services.</summary>
    public sealed class Services : IAsyncLifetime
    {
        private Node _node = null!;

        internal GrpcChannel Channel { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. Installation.Settings, "Ephemeral=true"]);
            Channel = GrpcChannel.ForAddress(_node.GrpcAddress);
        }

        public async ValueTask DisposeAsync()
        {
            Channel.Dispose();
            await _node.DisposeAsync();
        }
    }
}
