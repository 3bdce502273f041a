using Brownian.Inference.Engines;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Prompts;
using Brownian.V1;

namespace Brownian.Workers.Wire;

/// <summary>Converts prompts and their encodings to and from messages, both directions in one place.</summary>
public static class TextMessages
{
    /// <summary>Larger than the number of chunks of the longest prompt.</summary>
    private const int MaxChunks = 1000;

    /// <summary>The limit of the request field <c>max_sequence_length</c>.</summary>
    private const int MaxWindow = 4096;

    /// <summary>The limit of the request field <c>clip_skip</c>.</summary>
    private const int MaxClipSkip = 100;

    /// <summary>Converts a message to a prompt.</summary>
    /// <exception cref="FieldFaultException">The message is invalid; contains every fault.</exception>
    public static TextPrompt ToPrompt(EncodeTextRequest message)
    {
        var faults = new List<FieldFault>();
        foreach ((string field, string text) in ((string, string)[])[("prompt", message.Prompt), ("prompt_2", message.Prompt2),
            ("prompt_3", message.Prompt3)])
        {
            if (text.Length > GenerationRequest.MaxPromptLength)
            {
                faults.Add(new FieldFault(field, string.Create(
                    CultureInfo.InvariantCulture, $"has {text.Length} characters; allowed: up to {GenerationRequest.MaxPromptLength}")));
            }
        }
        if (message.PromptSyntax is not ("" or "plain" or "a1111"))
        {
            faults.Add(FieldFault.Of("prompt_syntax", message.PromptSyntax, "plain, a1111"));
        }
        Check("clip_skip", message.ClipSkip, MaxClipSkip);
        Check("chunks", message.Chunks, MaxChunks);
        Check("window", message.Window, MaxWindow);
        return faults.Count > 0 ? throw new FieldFaultException(faults) : new TextPrompt
        {
            Text = message.Prompt,
            Second = message.HasPrompt2 ? message.Prompt2 : null,
            Third = message.HasPrompt3 ? message.Prompt3 : null,
            Window = message.Window == 0 ? null : message.Window,
            ClipSkip = message.ClipSkip,
            Syntax = message.PromptSyntax == "a1111" ? PromptSyntax.A1111 : PromptSyntax.Plain,
            IsLong = message.LongPrompt,
            Chunks = Math.Max(1, message.Chunks),
        };

        void Check(string field, int value, int max)
        {
            if (value < 0 || value > max)
            {
                faults.Add(FieldFault.Of(field, value, $"0..{max}"));
            }
        }
    }

    /// <summary>Converts an encoded prompt, of up to three encoders, to a message.</summary>
    public static EncodeTextResponse ToMessage(TextEncoding encoding)
    {
        TokenizedPrompt prompt = encoding.Prompt;
        var message = new EncodeTextResponse
        {
            Embedding = encoding.Features.Embedding.ToMessage(),
            Pooled = encoding.Features.Pooled?.ToMessage(),
            Mask = encoding.Features.Mask?.ToMessage(),
            Cut = prompt.Cut ?? "",
            Unknown = prompt.Unknown ?? "",
            Chunks = prompt.Chunks,
            Window = prompt.Window ?? 0,
        };
        message.TokenIds.Add(prompt.Ids[0]);
        message.SecondTokenIds.Add(prompt.Ids.ElementAtOrDefault(1) ?? []);
        message.ThirdTokenIds.Add(prompt.Ids.ElementAtOrDefault(2) ?? []);
        message.Tokens.Add(prompt.Tokens);
        foreach (float[] weights in prompt.Weights ?? [])
        {
            message.Weights.Add(new TokenWeights { Values = { weights } });
        }
        return message;
    }

}
