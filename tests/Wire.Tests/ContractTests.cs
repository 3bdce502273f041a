using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Contracts;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Gateway.Requests;
using Brownian.Inference.Engines;
using Brownian.Inference.Stages;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Events;
using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq;
using Brownian.Jobs.Records;
using Brownian.Jobs.Wire;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests;
using Brownian.Requests.References;
using Brownian.Requests.Schema;
using Brownian.V1;
using Brownian.Workers.Embeddings;
using Brownian.Workers.Wire;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using DenoiseResult = Brownian.Inference.Engines.DenoiseResult;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Wire.Tests;

/// <summary>
/// Every property of every contract survives every way that the contract travels: as a message between services, and as JSON in plans, stores,
/// caches and queues. A property that is added to a contract but not to a codec fails here.
/// </summary>
public sealed class ContractTests
{
    /// <summary>Values for properties whose type alone does not determine the valid ones.</summary>
    private static readonly Dictionary<string, object> Values = new()
    {
        ["DenoiseTask.LatentShape"] = (IReadOnlyList<int>)[4, 2, 3],
        ["DenoiseSettings.LatentShape"] = (IReadOnlyList<int>)[4, 2, 3],
        ["DenoiseTask.Embedding"] = Floats(1, 2, 3),
        ["DenoiseTask.StartLatents"] = Floats(1, 4, 2, 3),
        ["ImageCondition.Image"] = Floats(1, 8, 2, 3),
        ["ImageCondition.Original"] = Floats(1, 3, 2, 3),
        ["ImageCondition.MaskedImage"] = Floats(1, 8, 1, 3),
        ["ImageCondition.Mask"] = Floats(1, 1, 2, 3),
        ["ImageCondition.GuidanceScale"] = 1.75,
        ["ControlCondition.Image"] = Floats(1, 3, 4, 6),
        ["ControlCondition.Start"] = 0.25,
        ["ControlCondition.End"] = 0.75,
        ["PooledCondition.Pooled"] = Floats(1, 5),
        ["PooledCondition.NegativePooled"] = Floats(1, 6),
        ["PromptCondition.Steps.Item3"] = Floats(1, 7),
        ["DenoiseTiling.Side"] = 96,
        ["DenoiseTiling.Overlap"] = 48,
        ["DenoiseResult.Latents"] = Floats(1, 4, 2, 3),
        ["DenoiseResult.InitialLatents"] = Floats(1, 4, 3, 2),
        ["DenoiseResult.ImageLatents"] = Floats(1, 4, 1, 2),
        ["DenoiseResult.MaskedImageLatents"] = Floats(1, 4, 1, 1),
        ["TextFeatures.Pooled"] = Floats(1, 4),
        ["TextFeatures.Mask"] = Floats(1, 2),
        ["TextPrompt.Window"] = 77,
        ["TextPrompt.Chunks"] = 3,
        ["StageMessage.Version"] = StageMessage.CurrentVersion,
    };

    /// <summary>The settings of stages, which travel in plans.</summary>
    public static TheoryData<string> Settings => [.. typeof(StageSettings).Assembly.GetTypes()
        .Where(
            type =>
                type is { IsPublic: true, IsAbstract: false, Namespace: "Brownian.Models.Plans" }
                    && type.Name.EndsWith("Settings", StringComparison.Ordinal))
        .Select(type => type.FullName!)];

    /// <summary>The 64-bit fields of a request.</summary>
    public static TheoryData<string> Whole => [.. Paths(GenerateRequest.Descriptor, "")];

    /// <summary>The types that stores and queues keep.</summary>
    public static TheoryData<string> Stored =>
        [
            .. (
                (System.Type[])
                [
                    typeof(JobDefinition), typeof(JobRecord), typeof(JobArtifact), typeof(WorkerCard), typeof(ModelCard), typeof(ModelSignature),
                    typeof(StageMessage)
                ]).Select(type => type.AssemblyQualifiedName!)
        ];

    /// <summary>The positions of the values of the largest enum of the contracts, counted from the last one.</summary>
    public static TheoryData<int> Choices
    {
        get
        {
            Filled filled = New();
            filled.Of<DenoiseTask>();
            foreach (TheoryDataRow<string> settings in Settings)
            {
                filled.Of(typeof(StageSettings).Assembly.GetType(settings.Data)!);
            }
            foreach (TheoryDataRow<string> stored in Stored)
            {
                filled.Of(System.Type.GetType(stored.Data)!);
            }
            return [.. Enumerable.Range(0, filled.MaxEnumValues)];
        }
    }

    [Fact]
    public void A_denoising_task_survives_its_message()
    {
        DenoiseTask task = New().Of<DenoiseTask>();
        Assert.Empty(Filled.Defaults(task));
        Same(task, DenoiseMessages.ToTask(DenoiseRequest.Parser.ParseFrom(CallerMessages.ToMessage(task).ToByteArray())));
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void Every_value_of_every_enum_survives_messages_plans_and_stores(int choice)
    {
        DenoiseTask task = New(choice).Of<DenoiseTask>();
        Same(task, DenoiseMessages.ToTask(DenoiseRequest.Parser.ParseFrom(CallerMessages.ToMessage(task).ToByteArray())));
        Assert.All(Settings, settings => AssertSurvivesPlan(settings.Data, choice));
        Assert.All(Stored, stored => AssertSurvivesStore(stored.Data, choice));
    }

    [Fact]
    public void A_denoising_task_without_optional_values_survives_its_message()
    {
        DenoiseTask whole = New().Of<DenoiseTask>();
        var task = new DenoiseTask { LatentShape = whole.LatentShape, Scheduler = whole.Scheduler, Sampling = whole.Sampling, Seed = whole.Seed };
        Same(task, DenoiseMessages.ToTask(DenoiseRequest.Parser.ParseFrom(CallerMessages.ToMessage(task).ToByteArray())));
    }

    [Fact]
    public void A_denoising_result_survives_its_message()
    {
        DenoiseResult result = New().Of<DenoiseResult>();
        Same(result, CallerMessages.ToResult(V1.DenoiseResult.Parser.ParseFrom(DenoiseMessages.ToMessage(result).ToByteArray())));
    }

    [Fact]
    public void A_prompt_and_its_encoding_survive_their_messages()
    {
        TextPrompt prompt = New().Of<TextPrompt>();
        Same(prompt, TextMessages.ToPrompt(EncodeTextRequest.Parser.ParseFrom(CallerMessages.ToMessage(prompt).ToByteArray())));

        TextEncoding encoding = New().Of<TextEncoding>();
        Same(
            encoding,
            CallerMessages.ToEncoding(EncodeTextResponse.Parser.ParseFrom(TextMessages.ToMessage(encoding).ToByteArray()), encoding.Prompt.ClipSkip));
    }

    [Fact]
    public void A_stage_with_its_values_and_events_survives_its_messages()
    {
        PlanStage stage = New().Of<PlanStage>() with { Settings = new JsonObject { ["seeds"] = new JsonArray(ulong.MaxValue) } };
        var request = new RunStageRequest { StageJson = StageCodec.ToJson(stage) };
        foreach (string input in stage.Inputs.Keys)
        {
            request.Inputs.Add(input, new StageValues());
        }
        Same(stage, StageCodec.ToStage(RunStageRequest.Parser.ParseFrom(request.ToByteArray())));

        Assert.All(
            (StageValue[])[StageValue.From(Floats(1, 2, 3)), new StageValue(StageDtype.UInt8, [2, 1, 3], new byte[] { 0, 1, 2, 253, 254, 255 })],
            value => Same(value, StageCodec.ToValue(V1.Tensor.Parser.ParseFrom(StageCodec.ToMessage(value).ToByteArray()), "value")));
        StageProgress progress = New().Of<StageProgress>();
        Same(progress, StageCodec.ToProgress(StageStep.Parser.ParseFrom(StageCodec.ToMessage(progress).ToByteArray())));
        StageArtifact artifact = New().Of<StageArtifact>();
        Same(artifact, StageCodec.ToArtifact(StageFile.Parser.ParseFrom(StageCodec.ToMessage(artifact).ToByteArray())));
    }

    [Fact]
    public void The_adapters_of_a_call_survive_their_json()
    {
        AdapterReferences adapters = New().Of<AdapterReferences>();
        Same(adapters, WireJson.ReadOrNull<AdapterReferences>(CallerMessages.WriteOrEmpty(adapters), "adapters_json")!);
    }

    [Fact]
    public void An_embedding_survives_the_cache()
    {
        TextFeatures features = New().Of<TextFeatures>();
        var serializer = new EmbeddingSerializer();
        var bytes = new ArrayBufferWriter<byte>();
        serializer.Serialize(CachedEmbedding.From(features), bytes);
        Same(features, serializer.Deserialize(new ReadOnlySequence<byte>(bytes.WrittenMemory)).ToFeatures());
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_stages_settings_survive_a_plan(string type) => AssertSurvivesPlan(type, 0);

    [Theory]
    [MemberData(nameof(Stored))]
    public void A_stored_value_is_the_same_when_it_is_read(string name) => AssertSurvivesStore(name, 0);

    private static void AssertSurvivesPlan(string type, int choice)
    {
        System.Type settings = typeof(StageSettings).Assembly.GetType(type)!;
        object before = New(choice).Of(settings);
        var write = (JsonObject)Generic(typeof(StageSettings), nameof(StageSettings.Write), settings).Invoke(null, [before])!;
        var stage = new PlanStage { Name = "stage", Kind = StageKind.Write, Settings = (JsonObject)JsonNode.Parse(write.ToJsonString())! };
        Same(before, Generic(typeof(StageSettings), nameof(StageSettings.Read), settings).Invoke(null, [stage])!);
    }

    private static void AssertSurvivesStore(string name, int choice)
    {
        System.Type type = System.Type.GetType(name)!;
        object before = New(choice).Of(type);
        object bytes = Generic(typeof(JobJson), nameof(JobJson.Write), type).Invoke(null, [before])!;
        object after = type == typeof(JobDefinition) ? JobJson.Read<JobDefinition>((byte[])bytes)
            : type == typeof(JobRecord) ? JobJson.Read<JobRecord>((byte[])bytes)
            : type == typeof(JobArtifact) ? JobJson.Read<JobArtifact>((byte[])bytes)
            : type == typeof(WorkerCard) ? JobJson.Read<WorkerCard>((byte[])bytes)
            : type == typeof(ModelCard) ? JobJson.Read<ModelCard>((byte[])bytes)
            : type == typeof(ModelSignature) ? JobJson.Read<ModelSignature>((byte[])bytes)
            : RabbitMqMessages.Read((byte[])bytes).Message!;
        Same(before, after);
    }

    [Theory]
    [InlineData(typeof(JobAccepted))]
    [InlineData(typeof(JobStarted))]
    [InlineData(typeof(JobEnded))]
    public void An_event_survives_its_json(System.Type type)
    {
        object before = New().Of(type);

        // In the way of a reader that has only the package of the events.
        Same(before, JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(before, type), type)!);
    }

    [Fact]
    public void Every_property_of_an_event_comes_from_the_job()
    {
        var job = new StoredJob(New().Of<JobDefinition>(), New().Of<JobRecord>() with { Phase = JobPhase.Failed }, 1);

        foreach (object item in (object[])[EventMessages.ToAccepted(job), EventMessages.ToStarted(job), EventMessages.ToEnded(job)])
        {
            Assert.Empty(Filled.Defaults(item));
        }
        Assert.All(EventMessages.ToEnded(job).Artifacts, artifact => Assert.Empty(Filled.Defaults(artifact)));
    }

    [Fact]
    public void Every_property_of_a_task_comes_from_a_stages_settings_and_inputs()
    {
        Filled filled = New();
        DenoiseSettings settings = filled.Of<DenoiseSettings>() with
        {
            Noise = NoiseKind.TorchCuda,
            NoiseDtype = Diffusion.Noise.NoiseDtype.BFloat16,
            ExtraInputs = [new ExtraInput("class_labels", null, "level", "no-level")],
            Prompts = [new PromptGuide(0.5, [new PromptStep(3, "text-1")])],
            Negative = new PromptGuide(0.25, [new PromptStep(4, "text-2")]),
        };
        DenoiseInputs inputs = filled.Of<DenoiseInputs>() with
        {
            Texts = ((string[])["text-1", "text-2"]).SelectMany(name => (string[])[name, name + TextEncodeSettings.PooledSuffix])
                .ToDictionary(name => name, _ => filled.TensorOf(1, 2)),
            ExtraInputs = ((string[])["level", "no-level"]).ToDictionary(name => name, _ => filled.TensorOf(1)),
        };

        DenoiseTask task = settings.ToTask(1, inputs);

        Assert.Empty(Filled.Defaults(task));
        Assert.Empty(Filled.Defaults(task.Image!));
        Assert.Empty(Filled.Defaults(task.Pooled!));
        Assert.Equal((settings.Seeds[1], settings.Subseeds[1]), (task.Seed, task.Subseed));
    }

    [Fact]
    public void Every_field_of_a_request_survives_a_request_file()
    {
        var request = (GenerateRequest)Message(GenerateRequest.Descriptor);
        // A few fields have two forms, of which only one can be given.
        request.Models.Clear();
        request.ClearTimestepsName();
        AssertWhole(request, ["models", "timesteps_name"]);

        JsonObject json = RequestMessages.Read(request, DateTimeOffset.MinValue, []).Request;
        GenerateRequest again = RequestMessage.Read((JsonObject)JsonNode.Parse(json.ToJsonString())!);

        // These concern the job and are not in the request's file.
        (again.Priority, again.Deadline, again.IdempotencyKey, again.Detach, again.Direct, again.CallbackUrl) =
            (request.Priority, request.Deadline, request.IdempotencyKey, request.Detach, request.Direct, request.CallbackUrl);
        again.Labels.Add(request.Labels);
        Assert.Equal(request, again);
    }

    [Fact]
    public void Every_field_of_a_request_in_json_reaches_the_message()
    {
        var request = (GenerateRequest)Message(GenerateRequest.Descriptor);
        request.Models.Clear();
        request.ClearTimestepsName();

        // With the names and the number format of the protocol, which a generated client writes.
        Assert.Equal(request, RequestMessage.Read((JsonObject)JsonNode.Parse(JsonFormatter.Default.Format(request))!));
    }

    [Theory]
    [MemberData(nameof(Whole))]
    public void A_64_bit_field_accepts_its_number_as_text_in_messages_and_request_files(string path)
    {
        foreach (ulong value in (ulong[])[0, 7, (1UL << 53) + 1, ulong.MaxValue])
        {
            JsonObject number = With(path, JsonValue.Create(value)),
            text = With(path, JsonValue.Create(value.ToString(System.Globalization.CultureInfo.InvariantCulture)));

            Assert.Equal(RequestMessage.Read(number), RequestMessage.Read(text));
            Same(RequestReader.Read(number), RequestReader.Read(text));
        }
        foreach (string wrong in (string[])["-1", "18446744073709551616", "1.5", "", "seven", " 7", "0x7"])
        {
            FieldFaultException refused = Assert.Throws<FieldFaultException>(() => RequestMessage.Read(With(path, JsonValue.Create(wrong))));
            Assert.Contains(JsonNumber.UInt64Range, refused.Message, StringComparison.Ordinal);
            Assert.Equal(
                path, Assert.Single(Assert.Throws<FieldFaultException>(() => RequestReader.Read(With(path, JsonValue.Create(wrong)))).Faults).Field);
        }
    }

    private static JsonObject With(string path, JsonNode value)
    {
        bool isList = GenerateRequest.Descriptor.FindFieldByName(path) is { IsRepeated: true };
        return new JsonObject { [path] = isList ? new JsonArray(value) : value };
    }

    /// <summary>Only the top level of a request has such fields; for one elsewhere, this test must be extended.</summary>
    private static IEnumerable<string> Paths(MessageDescriptor descriptor, string prefix) =>
        descriptor.Fields.InFieldNumberOrder().SelectMany(field =>
        field.FieldType is FieldType.UInt64 or FieldType.Int64 or FieldType.Fixed64 or FieldType.SFixed64 ? [prefix + field.Name]
        : field.FieldType == FieldType.Message && field.MessageType.FullName.StartsWith("brownian.", StringComparison.Ordinal)
        ? Paths(field.MessageType, $"{prefix}{field.Name}.")
        : []);

    internal static Filled New(int choice = 0) => new(Values, choice);

    private static Tensor Floats(params int[] shape) =>
        new([.. Enumerable.Range(0, shape.Aggregate(1, (product, side) => product * side)).Select(i => i + 0.5f)], shape);

    private static System.Reflection.MethodInfo Generic(System.Type type, string name, System.Type argument) =>
        type.GetMethods().Single(method => method.Name == name).MakeGenericMethod(argument);

    private static void Same(object before, object after) => Assert.Empty(Filled.Differences(before, after));

    /// <summary>A message whose every field is set to something that is no default.</summary>
    private static IMessage Message(MessageDescriptor descriptor)
    {
        var message = (IMessage)Activator.CreateInstance(descriptor.ClrType)!;
        int number = 0;
        foreach (FieldDescriptor field in descriptor.Fields.InFieldNumberOrder())
        {
            number++;
            if (field.IsMap)
            {
                ((MapField<string, string>)field.Accessor.GetValue(message)).Add("key", "value");
            }
            else if (field.IsRepeated)
            {
                var list = (System.Collections.IList)field.Accessor.GetValue(message);
                list.Add(Value(field, number));
                list.Add(Value(field, number + 1));
            }
            else
            {
                field.Accessor.SetValue(message, Value(field, number));
            }
        }
        return message;
    }

    private static object Value(FieldDescriptor field, int number) => field.FieldType switch
    {
        FieldType.String => field.Name == "priority" ? "batch" : FormattableString.Invariant($"text {number}"),
        FieldType.Bool => true,
        FieldType.Int32 => number,
        FieldType.UInt64 => ulong.MaxValue - (ulong)number,
        FieldType.Double => number + 0.25,
        FieldType.Message when field.MessageType == Struct.Descriptor => StructJson.ToStruct(new JsonObject { ["name"] = "value", ["number"] = 0.5 }),
        FieldType.Message when field.MessageType == Timestamp.Descriptor =>
            Timestamp.FromDateTimeOffset(new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero)),
        FieldType.Message => Message(field.MessageType),
        _ => throw new NotSupportedException($"{field.FullName} is a {field.FieldType}: say here what a value of it is"),
    };

    /// <summary>Checks that no field has its default, except the named ones.</summary>
    private static void AssertWhole(IMessage message, string[] without) => Assert.Equal(
        without,
        message.Descriptor.Fields.InFieldNumberOrder()
            .Where(
                field =>
                    field.IsRepeated ? ((System.Collections.ICollection)field.Accessor.GetValue(message)).Count == 0
                        : field.HasPresence ? !field.Accessor.HasValue(message)
                        : Equals(field.Accessor.GetValue(message), ""))
            .Select(field => field.Name));
}
