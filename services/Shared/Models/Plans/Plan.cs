using System.Text.RegularExpressions;

namespace Brownian.Models.Plans;

/// <summary>The stages that a request needs, in order. A worker that finished a stage reads the next one from the plan.</summary>
public sealed partial record Plan
{
    /// <summary>The maximum number of stages in a plan.</summary>
    public const int MaxStages = 32;

    /// <summary>The stages in the order they run.</summary>
    public required IReadOnlyList<PlanStage> Stages { get; init; }

    /// <summary>Rejects a plan that cannot run: unknown kinds, duplicate names, inputs that no earlier stage produces.</summary>
    /// <exception cref="FieldFaultException">The plan has faults; the exception contains all of them.</exception>
    public void Validate()
    {
        var faults = new List<FieldFault>();
        if (Stages.Count is 0 or > MaxStages)
        {
            faults.Add(FieldFault.Of("plan.stages", $"{Stages.Count} stages", $"1..{MaxStages}"));
        }
        var earlier = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < Stages.Count; i++)
        {
            PlanStage stage = Stages[i];
            string field = string.Create(CultureInfo.InvariantCulture, $"plan.stages[{i}]");
            if (!StageKind.All.Contains(stage.Kind))
            {
                faults.Add(FieldFault.Of(field + ".kind", stage.Kind, string.Join(", ", StageKind.All)));
            }
            if (!NameForm().IsMatch(stage.Name))
            {
                faults.Add(FieldFault.Of(field + ".name", stage.Name, "1..64 lower-case letters, digits and dashes"));
            }
            if (stage.Model is null && stage.Kind is not StageKind.Write)
            {
                faults.Add(new FieldFault(field + ".model", $"is missing; a stage of the kind {stage.Kind} needs one"));
            }
            foreach ((string input, string source) in stage.Inputs)
            {
                if (source.Split('.') is not [string from, { Length: > 0 }] || !earlier.Contains(from))
                {
                    faults.Add(
                        FieldFault.Of(
                            $"{field}.inputs.{input}", source,
                            earlier.Count == 0
                                ? "no input in the first stage"
                                : "an output of an earlier stage: " + string.Join(", ", earlier)));
                }
            }
            if (!earlier.Add(stage.Name))
            {
                faults.Add(FieldFault.Of(field + ".name", stage.Name, "a name that no earlier stage has"));
            }
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
    }

    /// <summary>
    /// Returns the index of the last stage with a name, or of the last stage whose name begins with the name and a dash; null when there is none.
    /// </summary>
    /// <param name="name">For example <c>prior</c>, or <c>stage-1</c>.</param>
    public int? LastOf(string name)
    {
        for (int i = Stages.Count - 1; i >= 0; i--)
        {
            if (Stages[i].Name == name || Stages[i].Name.StartsWith(name + "-", StringComparison.Ordinal))
            {
                return i;
            }
        }
        return null;
    }

    /// <summary>Returns the index of the stage that produces <c>stage.output</c>.</summary>
    public int IndexOf(string source)
    {
        string name = source.Split('.')[0];
        for (int i = 0; i < Stages.Count; i++)
        {
            if (Stages[i].Name == name)
            {
                return i;
            }
        }
        throw new ArgumentException($"The plan has no stage {name}", nameof(source));
    }

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex NameForm();
}
