using System.Text.RegularExpressions;

namespace Brownian.Models.Plans;

/// <summary>What is done for a request, in order. A worker that finished a stage reads the next one from here.</summary>
public sealed partial record Plan
{
    /// <summary>The most stages of a plan.</summary>
    public const int MaxStages = 32;

    /// <summary>The stages in the order they run.</summary>
    public required IReadOnlyList<PlanStage> Stages { get; init; }

    /// <summary>Refuses a plan that cannot run: unknown kinds, names given twice, inputs from nowhere.</summary>
    /// <exception cref="FieldFaultException">With every fault.</exception>
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
                                ? "nothing in the first stage"
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
    /// The place of the last stage of a name, or of a part of the plan whose stages' names begin with it and a dash; null where there is none.
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

    /// <summary>The place of the stage that makes what <c>stage.output</c> names.</summary>
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
