using System.Collections;
using System.Text.Json.Nodes;
using Brownian.Platform.Jobs;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Requests;

/// <summary>The gRPC request as a request file: field by field, whatever fields there are, so that both doors mean the same.</summary>
public static class RequestMessages
{
    private const int LongestKey = 256;
    private const int MostLabels = 64;

    /// <summary>Fields that say something of the job, not of the pictures.</summary>
    private static readonly string[] OfTheJob = ["priority", "deadline", "idempotency_key", "labels", "detach", "direct"];

    /// <summary>Reads a message.</summary>
    /// <param name="message">What came.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="faults">Where faults of the job's fields go; those of the others are found when the JSON is read.</param>
    public static SubmittedRequest Read(GenerateRequest message, DateTimeOffset now, List<FieldFault> faults)
    {
        JobPriority priority = JobPriority.Standard;
        if (message.HasPriority && !(System.Enum.TryParse(message.Priority, ignoreCase: true, out priority) && message.Priority.All(char.IsAsciiLetterLower)))
        {
            faults.Add(FieldFault.Of("priority", message.Priority, "interactive, standard, batch"));
        }
        DateTimeOffset? deadline = null;
        if (message.Deadline is { } time)
        {
            try
            {
                deadline = time.ToDateTimeOffset();
            }
            catch (InvalidOperationException)
            {
                faults.Add(FieldFault.Of("deadline", $"{time.Seconds} s, {time.Nanos} ns", "a time of the years 1 to 9999"));
            }
            if (deadline <= now)
            {
                faults.Add(FieldFault.Of("deadline", deadline, $"a time after now, {IsoTime.Format(now)}"));
            }
        }
        if (message.HasIdempotencyKey && message.IdempotencyKey.Length is 0 or > LongestKey)
        {
            faults.Add(new FieldFault("idempotency_key", $"has {message.IdempotencyKey.Length} characters; allowed: 1..{LongestKey}"));
        }
        if (message.Labels.Count > MostLabels || message.Labels.Any(label => label.Key.Length is 0 or > LongestKey || label.Value.Length > LongestKey))
        {
            faults.Add(new FieldFault("labels", $"are {message.Labels.Count}, or one is too long; allowed: up to {MostLabels}, names of 1..{LongestKey} characters, values of up to {LongestKey}"));
        }
        var json = new JsonObject();
        foreach (FieldDescriptor field in GenerateRequest.Descriptor.Fields.InFieldNumberOrder())
        {
            if (!OfTheJob.Contains(field.Name) && ToJson(message, field) is { } value)
            {
                json[field.Name] = value;
            }
        }
        Join(json, "models", "model", "is given beside models");
        Join(json, "timesteps_name", "timesteps", "is given beside timesteps_name");
        return new SubmittedRequest(json, priority, deadline, message.HasIdempotencyKey ? message.IdempotencyKey : null, message.Labels.ToDictionary());

        void Join(JsonObject request, string name, string field, string both)
        {
            if (request[name] is not { } value)
            {
                return;
            }
            request.Remove(name);
            if (request[field] is not null)
            {
                faults.Add(new FieldFault(field, both));
            }
            request[field] = value;
        }
    }

    private static JsonNode? ToJson(IMessage message, FieldDescriptor field)
    {
        if (field.IsRepeated)
        {
            var values = (IList)field.Accessor.GetValue(message);
            return values.Count == 0 ? null : new JsonArray([.. values.Cast<object>().Select(ToJson)]);
        }
        return field.HasPresence && !field.Accessor.HasValue(message) ? null : ToJson(field.Accessor.GetValue(message));
    }

    private static JsonNode? ToJson(object value) => value switch
    {
        string text => text,
        bool truth => truth,
        int number => number,
        ulong number => number,
        // Whole numbers stay whole, as a file has them.
        double number => number == Math.Truncate(number) && Math.Abs(number) < 1e15 ? (long)number : double.IsFinite(number) ? number : number.ToString(CultureInfo.InvariantCulture),
        Struct json => StructJson.ToJson(json),
        IMessage inner => ToObject(inner),
        _ => throw new InvalidOperationException($"{value.GetType().Name} has no form in a request file"),
    };

    private static JsonObject ToObject(IMessage message)
    {
        var json = new JsonObject();
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            if (ToJson(message, field) is { } value)
            {
                json[field.Name] = value;
            }
        }
        return json;
    }
}
