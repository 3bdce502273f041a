using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>Changes of JSON that leave it JSON: values of other types, of other inputs, at other places, missing and deep ones.</summary>
internal static class JsonMutation
{
    private static readonly JsonDocumentOptions Lenient =
        new() { MaxDepth = 512, AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private static readonly JsonSerializerOptions Deep = new() { MaxDepth = 512 };

    /// <summary>Makes one change; returns null when the bytes are not JSON.</summary>
    /// <param name="random">Decides which.</param>
    /// <param name="bytes">The input.</param>
    /// <param name="other">Another input, of which parts are taken.</param>
    /// <param name="tokens">Words of the format.</param>
    public static byte[]? Apply(FuzzRandom random, byte[] bytes, byte[] other, IReadOnlyList<string> tokens)
    {
        try
        {
            return Parse(bytes) is { } root ? Change(random, root, other, tokens) : null;
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or JsonException)
        {
            // A name or a text is not Unicode, or a name is there twice, which is found when it is used; or the result is too deep.
            return null;
        }
    }

    private static byte[] Change(FuzzRandom random, JsonNode root, byte[] other, IReadOnlyList<string> tokens)
    {
        JsonNode node = Descend(random, root);
        switch (node)
        {
            case JsonObject fields when fields.Count > 0 || random.OneIn(2):
                string name = fields.Count > 0 ? fields.ElementAt(random.Next(fields.Count)).Key : Text(random, tokens);
                switch (random.Next(5))
                {
                    case 0:
                        fields.Remove(name);
                        break;
                    case 1:
                        fields[Text(random, tokens)] = fields[name]?.DeepClone();
                        break;
                    case 2 when Parse(other) is { } source:
                        JsonNode taken = Descend(random, source);
                        fields[taken.Parent is JsonObject ? taken.GetPropertyName() : name] = taken.DeepClone();
                        break;
                    default:
                        fields[name] = Value(random, tokens, fields[name]);
                        break;
                }
                break;
            case JsonArray items:
                int at = random.Next(items.Count + 1);
                switch (random.Next(5))
                {
                    case 0 when items.Count > 0:
                        items.RemoveAt(random.Next(items.Count));
                        break;
                    case 1 when items.Count > 0:
                        JsonNode? copied = random.Pick(items.ToArray());
                        for (int copies = random.Length(64); copies > 0; copies--)
                        {
                            items.Insert(at, copied?.DeepClone());
                        }
                        break;
                    default:
                        items.Insert(at, Value(random, tokens, null));
                        break;
                }
                break;
            default:
                JsonNode? changed = Value(random, tokens, node);
                if (node.Parent is null)
                {
                    root = changed ?? JsonValue.Create("");
                }
                else if (node.Parent is JsonObject parent)
                {
                    parent[node.GetPropertyName()] = changed;
                }
                else
                {
                    node.Parent.AsArray()[node.GetElementIndex()] = changed;
                }
                break;
        }
        return JsonSerializer.SerializeToUtf8Bytes(root, Deep);
    }

    private static JsonNode? Parse(byte[] bytes)
    {
        try
        {
            return JsonNode.Parse(bytes, documentOptions: Lenient);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonNode Descend(FuzzRandom random, JsonNode node)
    {
        while (!random.OneIn(4))
        {
            JsonNode? inner = node switch
            {
                JsonObject { Count: > 0 } fields => fields.ElementAt(random.Next(fields.Count)).Value,
                JsonArray { Count: > 0 } items => items[random.Next(items.Count)],
                _ => null,
            };
            if (inner is null)
            {
                break;
            }
            node = inner;
        }
        return node;
    }

    private static JsonNode? Value(FuzzRandom random, IReadOnlyList<string> tokens, JsonNode? before)
    {
        switch (random.Next(12))
        {
            case 0:
                return null;
            case 1:
                return random.OneIn(2);
            case 2:
                return new JsonObject();
            case 3:
                return new JsonArray();
            case 4:
                return new JsonArray(before?.DeepClone(), before?.DeepClone());
            case 5:
                return new JsonObject { [Text(random, tokens)] = before?.DeepClone() };
            case 6:
                JsonNode? deep = before?.DeepClone();
                for (int depth = random.Length(100); depth > 0; depth--)
                {
                    deep = random.OneIn(2) ? new JsonArray(deep) : new JsonObject { ["a"] = deep };
                }
                return deep;
            case 7:
                return Text(random, tokens);
            case 8:
                return new string((char)('!' + random.Next(90)), random.Length(20_000));
            default:
                // Any digits are a number of JSON but those with leading zeros.
                return JsonNode.Parse(ByteMutation.Digits(random));
        }
    }

    private static string Text(FuzzRandom random, IReadOnlyList<string> tokens) => random.Next(8) switch
    {
        0 => "",
        1 => "\0",
        2 => "\uFFFF\u202E\U0001F34E",
        3 => ByteMutation.Digits(random),
        4 => "../../../etc/passwd",
        _ => tokens.Count > 0 ? random.Pick(tokens) : "text",
    };
}
