using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Cli.Batch;

/// <summary>
/// Fields with several values each: every combination is a request. <c>seed=1..4,guidance_scale=3,5,7</c> are twelve, in the order in which the last
/// field changes fastest.
/// </summary>
internal sealed class BatchMatrix
{
    private const string OptionName = "--matrix";
    private const string Allowed =
        "FIELD=VALUE,VALUE..., FIELD=FIRST..LAST or FIELD=[JSON], several after commas, such as seed=1..4,guidance_scale=3,5,7";
    private const int MaxRequests = 100_000;

    private readonly List<(string Field, IReadOnlyList<JsonNode?> Values)> _axes;

    private BatchMatrix(List<(string Field, IReadOnlyList<JsonNode?> Values)> axes) => _axes = axes;

    /// <summary>The number of values of the last field; 1 without one.</summary>
    public int Columns => _axes.Count == 0 ? 1 : _axes[^1].Values.Count;

    /// <summary>Whether there is no field.</summary>
    public bool IsEmpty => _axes.Count == 0;

    /// <summary>Reads the values of the option.</summary>
    public static BatchMatrix Parse(IReadOnlyList<string> options, List<FieldFault> faults)
    {
        var axes = new List<(string Field, IReadOnlyList<JsonNode?> Values)>();
        foreach (string option in options)
        {
            foreach ((string field, string values) in Axes(option, faults))
            {
                List<JsonNode?> read = Values(field, values, faults);
                if (axes.Any(axis => axis.Field == field))
                {
                    faults.Add(new FieldFault(OptionName, $"{field} is given twice"));
                }
                if (read.Count > 0)
                {
                    axes.Add((field, read));
                }
            }
        }
        long requests = axes.Aggregate(1L, (product, axis) => Math.Min(product * axis.Values.Count, MaxRequests + 1L));
        if (requests > MaxRequests)
        {
            faults.Add(new FieldFault(OptionName, $"has more than {MaxRequests} combinations; allowed: up to {MaxRequests}"));
            axes.Clear();
        }
        return new BatchMatrix(axes);
    }

    /// <summary>Returns every combination with an item.</summary>
    public IEnumerable<BatchItem> Combine(BatchItem item)
    {
        IEnumerable<BatchItem> items = [item];
        foreach ((string field, IReadOnlyList<JsonNode?> values) in _axes)
        {
            items = items.SelectMany(one => values.Select(value => With(one, field, value)));
        }
        return items;
    }

    private static BatchItem With(BatchItem item, string field, JsonNode? value)
    {
        var fields = (JsonObject)item.Fields.DeepClone();
        BatchItem.Set(fields, field, value);
        string label = $"{field}={BatchItem.TextOf(value)}";
        return item with { Fields = fields, Label = item.Label.Length == 0 ? label : $"{item.Label}, {label}" };
    }

    /// <summary>Splits an option at the commas before a field's name and its equals sign.</summary>
    private static IEnumerable<(string Field, string Values)> Axes(string option, List<FieldFault> faults)
    {
        string[] known = [.. RequestSchema.Request.All.Select(field => field.Name)];
        (string Field, string Values)? last = null;
        // A list of JSON contains commas and is an option of its own.
        string[] parts = option.Contains("=[", StringComparison.Ordinal) ? [option] : option.Split(',');
        foreach (string part in parts)
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? "" : part[..equals].Trim();
            if (name.Length == 0 && last is null)
            {
                faults.Add(FieldFault.Of(OptionName, option, Allowed));
                yield break;
            }
            if (name.Length == 0 || !IsName(name))
            {
                last = last is { } axis ? axis with { Values = $"{axis.Values},{part}" } : null;
                continue;
            }
            if (last is { } done)
            {
                yield return done;
            }
            if (!known.Contains(name.Split('.')[0]))
            {
                faults.Add(new FieldFault(OptionName, $"{name} is not a field of a request{OtherNames.Hint(name, known)}"));
                last = null;
                yield break;
            }
            last = (name, part[(equals + 1)..]);
        }
        if (last is { } final)
        {
            yield return final;
        }
    }

    private static bool IsName(string text) => text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.');

    private static List<JsonNode?> Values(string field, string text, List<FieldFault> faults)
    {
        if (text.StartsWith('['))
        {
            if (OptionText.Json(text) is JsonArray { Count: > 0 } list)
            {
                return [.. list.Select(value => value?.DeepClone())];
            }
            faults.Add(FieldFault.Of(OptionName, $"{field}={text}", Allowed));
            return [];
        }
        var values = new List<JsonNode?>();
        foreach (string part in text.Split(','))
        {
            string value = part.Trim();
            if (value.Length == 0)
            {
                faults.Add(FieldFault.Of(OptionName, $"{field}={text}", Allowed));
                return [];
            }
            int dots = value.IndexOf("..", StringComparison.Ordinal);
            if (dots > 0
                && ulong.TryParse(value[..dots], NumberStyles.None, CultureInfo.InvariantCulture, out ulong first)
                && ulong.TryParse(value[(dots + 2)..], NumberStyles.None, CultureInfo.InvariantCulture, out ulong end))
            {
                if (end < first || end - first >= MaxRequests)
                {
                    faults.Add(FieldFault.Of(OptionName, $"{field}={value}", $"FIRST..LAST, rising, of up to {MaxRequests} values"));
                    return [];
                }
                for (ulong number = first; number <= end; number++)
                {
                    values.Add(number);
                    if (number == ulong.MaxValue)
                    {
                        break;
                    }
                }
                continue;
            }
            values.Add(BatchFile.ValueOf(field, value));
        }
        return values;
    }
}
