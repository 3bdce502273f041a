using System.Text;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Images;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Inference.Engines;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests.References;
using Brownian.V1;
using Brownian.Wire.Tests;
using Brownian.Workers.Wire;
using Google.Protobuf;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Messages of the stage services, up to the run of an engine.</summary>
internal sealed class StageMessageTarget : FuzzTarget
{
    private static readonly (string Kind, Type Settings)[] StageKinds =
    [
        (StageKind.TextEncode, typeof(TextEncodeSettings)), (StageKind.Denoise, typeof(DenoiseSettings)),
            (StageKind.VaeDecode, typeof(VaeDecodeSettings)),
        (StageKind.VaeEncode, typeof(VaeEncodeSettings)), (StageKind.ImageEncode, typeof(ImageEncodeSettings)),
            (StageKind.Write, typeof(WriteSettings)),
    ];

    public override int CasesPerSecond => 8000;

    public override IReadOnlyList<string> Tokens =>
    [
        "settings_json", "latent_shape", "guidance", "scheduler", "sampling", "tiling", "\"_class_name\":\"EulerDiscreteScheduler\"", "null", "{}",
        "[]", "[4,2,3]", "[256,4096,2048]",
        "begin", "inpaint", "guide", "enlarge", "noised_image", "image", "a1111", "cfg++", "torch-cuda", "1e308", "-1",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        for (int choice = 0; choice < 4; choice++)
        {
            var task = (DenoiseTask)FilledContracts.Of(typeof(DenoiseTask), choice);
            var scheduler = new JsonObject { ["_class_name"] = "EulerDiscreteScheduler" };
            yield return new FuzzInput(nameof(DenoiseRequest), CallerMessages.ToMessage(task).ToByteArray());
            yield return new FuzzInput(nameof(DenoiseRequest), CallerMessages.ToMessage(new DenoiseTask
            {
                LatentShape = [4, 2, 3],
                Scheduler = scheduler,
                Sampling = new() { Steps = 3 },
                Embedding = FilledContracts.Floats(1, 2, 3),
                Seed = 5,
                GuidanceScale = choice,
            }).ToByteArray());
            yield return new FuzzInput(nameof(EncodeTextRequest),
                CallerMessages.ToMessage((TextPrompt)FilledContracts.Of(typeof(TextPrompt), choice)).ToByteArray());
            foreach ((string kind, Type settings) in StageKinds)
            {
                object filled = FilledContracts.Of(settings, choice);
                var stage = new PlanStage
                {
                    Name = kind,
                    Kind = kind,
                    Settings =
                        JsonNode.Parse(
                            (string)typeof(StageSettings).GetMethod(nameof(StageSettings.WriteText))!.MakeGenericMethod(settings).Invoke(
                                null, [filled])!)!.AsObject(),
                    Inputs = new Dictionary<string, string> { ["a"] = "x.y" },
                };
                var request = new RunStageRequest { StageJson = StageCodec.ToJson(stage) };
                request.Inputs["a"] = StageCodec.ToMessage([StageValue.From(FilledContracts.Floats(1, 3, 2, 2)), StageValue.From(new byte[12])]);
                yield return new FuzzInput(nameof(RunStageRequest), request.ToByteArray());
            }
        }
        yield return new FuzzInput(nameof(DecodeRequest),
            new DecodeRequest { Latents = FilledContracts.Floats(1, 4, 2, 2).ToMessage() }.ToByteArray());
        yield return new FuzzInput(nameof(UpscaleRequest),
            new UpscaleRequest { Pixels = new PixelImage(2, 2, new byte[12]).ToMessage(), Tile = 64 }.ToByteArray());
    }

    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => FuzzFormat.Wire;

    // The latents of the largest image, twice: at the start of a run and now.
    public override long MaxAllocated(FuzzInput input) =>
        base.MaxAllocated(input) + (input.Kind == nameof(DenoiseRequest) ? 2L * sizeof(float) * 3 * 8192 * 8192 : 0);

    public override void Run(FuzzInput input)
    {
        switch (input.Kind)
        {
            case nameof(DenoiseRequest):
                DenoiseRequest request = DenoiseRequest.Parser.ParseFrom(input.Bytes);
                WireJson.ReadOrNull<AdapterReferences>(request.AdaptersJson, "adapters_json");
                _ = new DenoiseRun(DenoiseMessages.ToTask(request));
                break;
            case nameof(EncodeTextRequest):
                TextMessages.ToPrompt(EncodeTextRequest.Parser.ParseFrom(input.Bytes));
                break;
            case nameof(RunStageRequest):
                RunStage(RunStageRequest.Parser.ParseFrom(input.Bytes));
                break;
            case nameof(DecodeRequest):
                WireTensors.ToTensor(DecodeRequest.Parser.ParseFrom(input.Bytes).Latents, "latents", 4);
                break;
            default:
                WireTensors.ToImage(UpscaleRequest.Parser.ParseFrom(input.Bytes).Pixels, "pixels");
                break;
        }
    }

    public override bool IsDocumented(Exception exception) =>
        exception is FieldFaultException or InvalidProtocolBufferException or InvalidDataException or DenoiseException
            || exception is ArgumentException && exception.StackTrace!.Contains(nameof(DenoiseRun), StringComparison.Ordinal);

    private static void RunStage(RunStageRequest request)
    {
        PlanStage stage = StageCodec.ToStage(request);
        foreach ((string name, StageValues values) in request.Inputs)
        {
            foreach (Tensor tensor in values.Values)
            {
                StageValue value = StageCodec.ToValue(tensor, name);
                if (value.Dtype == StageDtype.Float32)
                {
                    value.ToTensor();
                }
                try
                {
                    value.ToImage();
                }
                catch (Exception exception) when (exception is InvalidDataException or DenoiseException)
                {
                    // Most values are no images.
                }
            }
        }
        switch (stage.Kind)
        {
            case StageKind.TextEncode:
                StageSettings.Read<TextEncodeSettings>(stage);
                break;
            case StageKind.Denoise:
                StageSettings.Read<DenoiseSettings>(stage);
                break;
            case StageKind.VaeDecode:
                StageSettings.Read<VaeDecodeSettings>(stage);
                break;
            case StageKind.VaeEncode:
                StageSettings.Read<VaeEncodeSettings>(stage);
                break;
            case StageKind.ImageEncode:
                StageSettings.Read<ImageEncodeSettings>(stage);
                break;
            default:
                StageSettings.Read<WriteSettings>(stage);
                break;
        }
        Encoding.UTF8.GetBytes(stage.Name);
    }
}
