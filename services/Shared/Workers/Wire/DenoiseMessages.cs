using System.Text.Json.Nodes;
using Brownian.Inference.Engines;
using Brownian.Jobs.Wire;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;
using Brownian.V1;
using Google.Protobuf;
using DenoiseResult = Brownian.Inference.Engines.DenoiseResult;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Workers.Wire;

/// <summary>
/// Converts denoising tasks and their results to and from messages. Both directions are in one place, so that a property that is added to a task is
/// added to both.
/// </summary>
public static class DenoiseMessages
{

    /// <summary>Converts a run's result to a message.</summary>
    public static V1.DenoiseResult ToMessage(DenoiseResult result)
    {
        var message = new V1.DenoiseResult
        {
            Latents = result.Latents.ToMessage(),
            InitialLatents = result.InitialLatents.ToMessage(),
            GeneratorState = ByteString.CopyFrom(result.GeneratorState),
            ImageLatents = result.ImageLatents?.ToMessage(),
            MaskedImageLatents = result.MaskedImageLatents?.ToMessage(),
        };
        message.Timesteps.Add(result.Timesteps);
        message.Sigmas.Add(result.Sigmas);
        return message;
    }

    /// <summary>Converts a message to a task.</summary>
    /// <exception cref="FieldFaultException">The message is invalid; contains every fault.</exception>
    public static DenoiseTask ToTask(DenoiseRequest request)
    {
        var faults = new List<FieldFault>();
        DenoiseRunSettings? settings = Take(() => request.SettingsJson.Length > 0
            ? StageSettings.ReadText<DenoiseRunSettings>(request.SettingsJson, "settings_json")
            : DenoiseMessagesBefore.ToSettings(request));
        CheckSettings(settings, Check, faults);
        Tensor? embedding = Optional(request.Embedding, "embedding", 3);
        Tensor? negative = Optional(request.NegativeEmbedding, "negative_embedding", 3);
        Tensor? start = Optional(request.StartLatents, "start_latents", 4);
        Tensor? pooled = Optional(request.Pooled, "pooled", 2), negativePooled = Optional(request.NegativePooled, "negative_pooled", 2);
        ImageCondition? image = request.Image is null ? null : ReadImage(request.Image);
        PromptCondition[] prompts = [.. request.Prompts.Select((prompt, i) => ReadPrompt(prompt, $"prompts[{i}]"))];
        PromptCondition? changing = request.NegativePrompt is null ? null : ReadPrompt(request.NegativePrompt, "negative_prompt");
        GraphCondition[] further = [.. request.Further.Select(ReadExtraInput)];
        ControlCondition[] controls = [.. request.Controls.Select(ReadControl)];
        Check("controls", controls.Length, 0, GenerationRequest.MaxControls);
        Check("preview_every", request.PreviewEvery, 0, 1000);
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        return new DenoiseTask(settings!)
        {
            Embedding = embedding,
            NegativeEmbedding = negative,
            Seed = request.Seed,
            Subseed = request.HasSubseed ? request.Subseed : null,
            StartLatents = start,
            GeneratorState = request.GeneratorState.Memory,
            Pooled = pooled is null ? null : new PooledCondition
            {
                Pooled = pooled,
                NegativePooled = negativePooled,
                TimeIds = [.. request.TimeIds],
                NegativeTimeIds = [.. request.NegativeTimeIds],
            },
            Image = image,
            ExtraInputs = further,
            Prompts = prompts,
            Negative = changing,
            Controls = controls,
        };

        Tensor? Optional(V1.Tensor? tensor, string field, int dimensions) =>
            tensor is null ? null : Take(() => WireTensors.ToTensor(tensor, field, dimensions));

        PromptCondition ReadPrompt(DenoisePrompt message, string field)
        {
            if (message.Steps.Count == 0 || !double.IsFinite(message.Weight))
            {
                faults.Add(new FieldFault(field, "has no steps, or a weight that is not finite"));
            }
            return new PromptCondition(
                message.Weight,
                [
                    .. message.Steps.Select(step => (
                        step.LastStep, Optional(step.Embedding ?? new V1.Tensor(), field + ".embedding", 3)!,
                        step.Pooled is null
                            ? null
                            : Optional(step.Pooled, field + ".pooled", 2))),
                ]);
        }

        ImageCondition ReadImage(DenoiseImage message)
        {
            if (!DenoiseWireNames.Roles.TryGetValue(message.Role, out ImageRole role))
            {
                faults.Add(FieldFault.Of("image.role", message.Role, string.Join(", ", DenoiseWireNames.Roles.Keys)));
            }
            if (!DenoiseWireNames.Starts.TryGetValue(message.Start, out DenoiseStart from))
            {
                faults.Add(FieldFault.Of("image.start", message.Start, string.Join(", ", DenoiseWireNames.Starts.Keys)));
            }
            return new ImageCondition
            {
                Role = role,
                Start = from,
                Image = Optional(message.Image, "image.image", 4),
                Original = Optional(message.Original, "image.original", 4),
                IsScaled = message.IsScaled,
                MaskedImage = Optional(message.MaskedImage, "image.masked_image", 4),
                Mask = Optional(message.Mask, "image.mask", 4),
                Scaling = Take(() => WireJson.Read<LatentScaling>(message.ScalingJson, "image.scaling_json")) ?? new LatentScaling { Factor = 1 },
                GuidanceScale = message.GuidanceScale,
                KeepsPrevious = message.KeepsPrevious,
                IsScaledWithSample = message.IsScaledWithSample,
                Noise = message.NoiseSchedulerJson.Length == 0 ? null
                    : Take(() => WireJson.Read<JsonObject>(message.NoiseSchedulerJson, "image.noise_scheduler_json")) is { } noising
                    ? new UpscaleNoise(noising, message.NoiseLevel, message.NoiseFirst)
                    : null,
            };
        }

        GraphCondition ReadExtraInput(DenoiseFurther message, int index)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"further[{index}].");
            return new GraphCondition(
                message.Input,
                Take(() => WireTensors.ToTensor(message.Value, field + "value")) ?? new Tensor([], [1, 0]),
                message.Negative is null ? null : Take(() => WireTensors.ToTensor(message.Negative, field + "negative")));
        }

        ControlCondition ReadControl(DenoiseControl message, int index)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"controls[{index}].");
            Check(field + "scale", message.Scale, 0, 10);
            Check(field + "start", message.Start, 0, 1);
            Check(field + "end", message.End, 0, 1);
            if (message.Start >= message.End)
            {
                faults.Add(
                    FieldFault.Of(field + "start", message.Start, string.Create(CultureInfo.InvariantCulture, $"below the end, {message.End}")));
            }
            return new ControlCondition
            {
                Net = new ControlNetReference(message.Net, message.NetFingerprint.Length == 0 ? null : message.NetFingerprint),
                Image = Take(() => WireTensors.ToTensor(message.Image, field + "image", 4)) ?? new Tensor([], [1, 3, 0, 0]),
                Scale = message.Scale,
                Start = message.Start,
                End = message.End,
                GuessMode = message.GuessMode,
            };
        }

        T? Take<T>(Func<T> read)
            where T : class
        {
            try
            {
                return read();
            }
            catch (FieldFaultException exception)
            {
                faults.AddRange(exception.Faults);
                return null;
            }
        }

        void Check(string field, double value, double minimum, double maximum)
        {
            if (!(value >= minimum && value <= maximum))
            {
                faults.Add(FieldFault.Of(field, value, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}")));
            }
        }
    }

    /// <summary>Refuses settings that no plan contains.</summary>
    private static void CheckSettings(DenoiseRunSettings? settings, Action<string, double, double, double> check, List<FieldFault> faults)
    {
        if (settings is null)
        {
            return;
        }
        if (settings.LatentShape.Count != 3 || settings.LatentShape.Any(side => side is < 1 or > GenerationRequest.MaxSide))
        {
            faults.Add(FieldFault.Of("latent_shape", $"[{string.Join(", ", settings.LatentShape)}]", "channels, height and width"));
        }
        check("first", settings.First, 0, 1_000_000);
        check("tile_side", settings.Tiling?.Side ?? 0, 0, GenerationRequest.MaxSide);
        check("tile_overlap", settings.Tiling?.Overlap ?? 0, 0, (settings.Tiling?.Side ?? 0) / 2);
        check("guidance_scale", settings.GuidanceScale, 0, 100);
        check("guidance_rescale", settings.GuidanceRescale, 0, 1);
        check("subseed_strength", settings.SubseedStrength, 0, 1);
        check("pag_scale", settings.Guidance.PerturbedScale, 0, 100);
        check("guidance_start", settings.Guidance.Start, 0, 1);
        check("guidance_end", settings.Guidance.End, 0, 1);
    }
}
