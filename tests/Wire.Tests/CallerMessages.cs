using System.Text.Json;
using Brownian.Diffusion.Faults;
using Brownian.Inference.Engines;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.Requests.Prompts;
using Brownian.V1;
using Brownian.Workers.Wire;
using Google.Protobuf;
using DenoiseResult = Brownian.Inference.Engines.DenoiseResult;

namespace Brownian.Wire.Tests;

/// <summary>The messages of the stage services' own methods as a caller writes and reads them; the services have the other half.</summary>
internal static class CallerMessages
{
    /// <summary>The message of a task. The caller adds the model that runs it and how it is followed.</summary>
    public static DenoiseRequest ToMessage(DenoiseTask task)
    {
        var request = new DenoiseRequest
        {
            Embedding = task.Embedding?.ToMessage(),
            NegativeEmbedding = task.NegativeEmbedding?.ToMessage(),
            SettingsJson = StageSettings.WriteText<DenoiseRunSettings>(task),
            Seed = task.Seed,
            StartLatents = task.StartLatents?.ToMessage(),
            GeneratorState = ByteString.CopyFrom(task.GeneratorState.Span),
        };
        if (task.Subseed is { } subseed)
        {
            request.Subseed = subseed;
        }
        if (task.Pooled is { } pooled)
        {
            request.Pooled = pooled.Pooled.ToMessage();
            request.NegativePooled = pooled.NegativePooled?.ToMessage();
            request.TimeIds.Add(pooled.TimeIds);
            request.NegativeTimeIds.Add(pooled.NegativeTimeIds);
        }
        request.Prompts.Add(task.Prompts.Select(ToMessage));
        request.NegativePrompt = task.Negative is { } negative ? ToMessage(negative) : null;
        if (task.Image is { } image)
        {
            request.Image = new DenoiseImage
            {
                Role = DenoiseWireNames.Roles.First(role => role.Value == image.Role).Key,
                Start = DenoiseWireNames.Starts.First(start => start.Value == image.Start).Key,
                Image = image.Image?.ToMessage(),
                Original = image.Original?.ToMessage(),
                IsScaled = image.IsScaled,
                MaskedImage = image.MaskedImage?.ToMessage(),
                Mask = image.Mask?.ToMessage(),
                ScalingJson = JsonSerializer.Serialize(image.Scaling, WireJson.Options),
                GuidanceScale = image.GuidanceScale,
                KeepsPrevious = image.KeepsPrevious,
                IsScaledWithSample = image.IsScaledWithSample,
            };
            if (image.Noise is { } added)
            {
                (request.Image.NoiseSchedulerJson, request.Image.NoiseLevel, request.Image.NoiseFirst) =
                    (added.Scheduler.ToJsonString(), added.Level, added.First);
            }
        }
        request.Further.Add(
            task.ExtraInputs.Select(
                further =>
                    new DenoiseFurther { Input = further.Input, Value = further.Value.ToMessage(), Negative = further.Negative?.ToMessage() }));
        request.Controls.Add(task.Controls.Select(control => new DenoiseControl
        {
            Net = control.Net.Name,
            NetFingerprint = control.Net.Fingerprint ?? "",
            Image = control.Image.ToMessage(),
            Scale = control.Scale,
            Start = control.Start,
            End = control.End,
            GuessMode = control.GuessMode,
        }));
        return request;
    }

    private static DenoisePrompt ToMessage(PromptCondition prompt)
    {
        var message = new DenoisePrompt { Weight = prompt.Weight };
        message.Steps.Add(
            prompt.Steps.Select(
                step =>
                    new DenoisePromptStep { LastStep = step.LastStep, Embedding = step.Embedding.ToMessage(), Pooled = step.Pooled?.ToMessage() }));
        return message;
    }

    /// <summary>The result of a message.</summary>
    /// <exception cref="FieldFaultException">A tensor of it is damaged.</exception>
    public static DenoiseResult ToResult(V1.DenoiseResult message) => new(
        WireTensors.ToTensor(message.Latents, "latents", 4),
        WireTensors.ToTensor(message.InitialLatents, "initial_latents", 4),
        [.. message.Timesteps],
        [.. message.Sigmas],
        message.GeneratorState.ToByteArray())
    {
        ImageLatents = message.ImageLatents is null ? null : WireTensors.ToTensor(message.ImageLatents, "image_latents", 4),
        MaskedImageLatents = message.MaskedImageLatents is null ? null : WireTensors.ToTensor(message.MaskedImageLatents, "masked_image_latents", 4),
    };

    /// <summary>The message of a prompt. The caller adds the model that encodes it.</summary>
    public static EncodeTextRequest ToMessage(TextPrompt prompt)
    {
        var message = new EncodeTextRequest
        {
            Prompt = prompt.Text,
            ClipSkip = prompt.ClipSkip,
            PromptSyntax = prompt.Syntax == PromptSyntax.A1111 ? "a1111" : "plain",
            LongPrompt = prompt.IsLong,
            Chunks = prompt.Chunks,
            Window = prompt.Window ?? 0,
        };
        if (prompt.Second is { } second)
        {
            message.Prompt2 = second;
        }
        if (prompt.Third is { } third)
        {
            message.Prompt3 = third;
        }
        return message;
    }

    /// <summary>The encoded prompt of a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="clipSkip">The value of the prompt that was encoded.</param>
    /// <exception cref="FieldFaultException">A tensor of it is damaged.</exception>
    public static TextEncoding ToEncoding(EncodeTextResponse message, int clipSkip)
    {
        var features = new TextFeatures(
            WireTensors.ToTensor(message.Embedding, "embedding", 3),
            message.Pooled is null ? null : WireTensors.ToTensor(message.Pooled, "pooled", 2),
            message.Mask is null ? null : WireTensors.ToTensor(message.Mask, "mask", 2));
        long[][] ids =
        [
            .. ((IEnumerable<long>[])[message.TokenIds, message.SecondTokenIds, message.ThirdTokenIds]).Select(list => list.ToArray())
                .Where(list => list.Length > 0)
        ];
        return new TextEncoding(features, new TokenizedPrompt(ids, message.Cut.Length == 0 ? null : message.Cut, clipSkip)
        {
            Unknown = message.Unknown.Length == 0 ? null : message.Unknown,
            Chunks = Math.Max(1, message.Chunks),
            Window = message.Window == 0 ? null : message.Window,
            Tokens = [.. message.Tokens],
            Weights = message.Weights.Count == 0 ? null : [.. message.Weights.Select(weights => weights.Values.ToArray())],
        });
    }

    /// <summary>A value as JSON; empty for none.</summary>
    public static string WriteOrEmpty<T>(T? value)
        where T : class => value is null ? "" : JsonSerializer.Serialize(value, WireJson.Options);
}
