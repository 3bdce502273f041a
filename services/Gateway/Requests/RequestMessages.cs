using System.Collections;
using System.Text.Json.Nodes;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Requests;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Converts the gRPC request to a request file, field by field, for all fields in the descriptor, so that both APIs have the same semantics.
/// </summary>
public static class RequestMessages
{
    /// <summary>The only job field that stays with the request, because it adds fields from an earlier request.</summary>
    private const string From = "from";

    /// <summary>Reads a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="now">The store's time.</param>
    /// <param name="faults">Receives faults of the job's fields; those of the other fields are found when the JSON is read.</param>
    public static SubmittedRequest Read(GenerateRequest message, DateTimeOffset now, List<FieldFault> faults)
    {
        var job = new JsonObject { ["priority"] = message.HasPriority ? message.Priority : null };
        if (message.HasIdempotencyKey)
        {
            job["idempotency_key"] = message.IdempotencyKey;
        }
        if (message.HasCallbackUrl)
        {
            job["callback_url"] = message.CallbackUrl;
        }
        job["labels"] = new JsonObject(message.Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value)));
        JobOptions options = JobOptions.Read(job, faults);
        DateTimeOffset? deadline = DeadlineOf(message, now, faults);
        var json = new JsonObject();
        foreach (FieldDescriptor field in GenerateRequest.Descriptor.Fields.InFieldNumberOrder())
        {
            if ((field.Name == From || RequestSchema.Job.Find(field.Name) is null) && ToJson(message, field) is { } value)
            {
                json[field.Name] = value;
            }
        }
        Join(json, "models", "model", "is given with models");
        Join(json, "timesteps_name", "timesteps", "is given with timesteps_name");
        JobPriority priority = options.Priority is { } word ? JobPriorityNames.All[word] : JobPriority.Standard;
        return new SubmittedRequest(json, priority, deadline, options.IdempotencyKey, message.Labels.ToDictionary(), options.CallbackUrl);

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

    private static DateTimeOffset? DeadlineOf(GenerateRequest message, DateTimeOffset now, List<FieldFault> faults)
    {
        if (message.Deadline is not { } time)
        {
            return null;
        }
        try
        {
            DateTimeOffset deadline = time.ToDateTimeOffset();
            if (deadline <= now)
            {
                faults.Add(FieldFault.Of("deadline", deadline, $"a time after now, {IsoTime.Format(now)}"));
            }
            return deadline;
        }
        catch (InvalidOperationException)
        {
            faults.Add(FieldFault.Of("deadline", $"{time.Seconds} s, {time.Nanos} ns", "a time of the years 1 to 9999"));
            return null;
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
        // Whole numbers are written without a fraction, as in a file.
        double number =>
            number == Math.Truncate(number) && Math.Abs(number) < 1e15 ? (long)number
                : double.IsFinite(number) ? number
                : number.ToString(CultureInfo.InvariantCulture),
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
