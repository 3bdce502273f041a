using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Models.Metadata;

/// <summary>Converts the settings that this program writes (<see cref="Infotext"/>) to a request.</summary>
internal static class OwnSettings
{
    /// <summary>Reads settings written by <see cref="Infotext.Write"/>.</summary>
    /// <exception cref="InvalidDataException">The settings are damaged.</exception>
    public static ImageMetadata Read(string text)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        int last = lines.Length - 1;
        int negative = Array.FindIndex(lines, 0, last, line => line.StartsWith(Infotext.NegativePrefix, StringComparison.Ordinal));
        (string Name, string Value)[] all = [.. Pairs(lines[last])];
        return new ImageMetadata
        {
            Request = ToRequest(
                string.Join('\n', lines[..(negative < 0 ? last : negative)]),
                negative < 0 ? null : string.Join('\n', lines[negative..last])[Infotext.NegativePrefix.Length..],
                all),
            AdapterHashes = [.. all.Where(pair => Infotext.HashPairs.Contains(pair.Name)).SelectMany(pair => A1111Settings.Hashes(pair.Value))],
            ControlNetHashes = [.. all.Where(pair => pair.Name == Infotext.ControlNetHashes).SelectMany(pair => A1111Settings.Hashes(pair.Value))],
        };
    }

    private static JsonObject ToRequest(string prompt, string? negativePrompt, (string Name, string Value)[] all)
    {
        var request = new JsonObject { ["prompt"] = prompt, ["negative_prompt"] = negativePrompt };
        var scheduler = new JsonObject();
        if (all.FirstOrDefault(pair => pair.Name == Infotext.Whole).Value is { } whole && Json(Infotext.Whole, whole) is JsonObject stated)
        {
            if (all.FirstOrDefault(pair => pair.Name == "Seed").Value is { } seed)
            {
                stated["seeds"] = new JsonArray(Number("Seed", seed));
            }
            return stated;
        }
        foreach ((string name, string value) in all)
        {
            switch (name)
            {
                case "Steps":
                    request["steps"] = Number(name, value);
                    break;
                case "Sampler":
                    // Images of version 0.3.0 and older have both in one.
                    string? schedule = all.FirstOrDefault(pair => pair.Name == Infotext.ScheduleType).Value;
                    schedule = schedule == "Automatic" ? SamplerLabel.Automatic.GetValueOrDefault(value) : schedule;
                    scheduler["_class_name"] = schedule is null or "Uniform" ? value : $"{value} {schedule}";
                    break;
                case Infotext.ScheduleType:
                    break;
                case "Sampler options" when Json(name, value) is JsonObject options:
                    foreach ((string option, JsonNode? setting) in options)
                    {
                        scheduler[option] = setting?.DeepClone();
                    }
                    break;
                case "Timesteps":
                    request["timesteps"] = Json(name, value);
                    break;
                case "CFG scale":
                    request["guidance_scale"] = Number(name, value);
                    break;
                case "CFG rescale":
                    request["guidance_rescale"] = Number(name, value);
                    break;
                case "Eta":
                    request["eta"] = Number(name, value);
                    break;
                case "Seed":
                    request["seeds"] = new JsonArray(Number(name, value));
                    break;
                case "Size" when value.Split('x') is [string width, string height]:
                    request["width"] = Number(name, width);
                    request["height"] = Number(name, height);
                    break;
                case "Model":
                    request["model"] = value;
                    break;
                case "RNG":
                    request["noise"] = value;
                    break;
                case "Noise dtype":
                    request["noise_dtype"] = value;
                    break;
                case "Also" when Json(name, value) is JsonObject also:
                    foreach ((string field, JsonNode? setting) in also)
                    {
                        request[field] = setting?.DeepClone();
                    }
                    break;
                case "Prompts" when Json(name, value) is JsonArray { Count: 2 } prompts:
                    request["prompt"] = prompts[0]?.DeepClone();
                    request["negative_prompt"] = prompts[1]?.DeepClone();
                    break;
            }
        }
        if (request["timesteps"] is not null)
        {
            request.Remove("steps");
        }
        if (request["interpolate"] is not null)
        {
            // The prompt is the one of the first frame.
            request.Remove("prompt");
        }
        if (scheduler.Count > 0)
        {
            request["scheduler"] = scheduler;
        }
        return request;
    }

    private static IEnumerable<(string Name, string Value)> Pairs(string line)
    {
        int position = 0;
        while (position < line.Length)
        {
            int colon = line.IndexOf(':', position);
            if (colon < 0)
            {
                yield break;
            }
            string name = line[position..colon].Trim();
            int start = colon + 1;
            while (start < line.Length && line[start] == ' ')
            {
                start++;
            }
            int end = start;
            string value;
            if (start < line.Length && line[start] == '"')
            {
                for (end = start + 1; end < line.Length && line[end] != '"'; end++)
                {
                    if (line[end] == '\\')
                    {
                        end++;
                    }
                }
                end = Math.Min(end + 1, line.Length);
                value = (string?)Json(name, line[start..end]) ?? "";
            }
            else
            {
                end = line.IndexOf(',', start);
                end = end < 0 ? line.Length : end;
                value = line[start..end].Trim();
            }
            yield return (name, value);
            int comma = line.IndexOf(',', end);
            position = comma < 0 ? line.Length : comma + 1;
        }
    }

    private static JsonValue Number(string name, string value) =>
        Json(name, value) is JsonValue number && number.GetValueKind() == JsonValueKind.Number
        ? number
        : throw new InvalidDataException($"contains settings whose \"{name}\" is \"{value}\", not a number");

    private static JsonNode? Json(string name, string value)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(value);
            return RequestJson.IsText(document.RootElement) ? JsonNode.Parse(value) : throw new JsonException();
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"contains settings whose \"{name}\" is damaged: {value}", exception);
        }
    }
}
