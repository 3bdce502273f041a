using System.CommandLine;
using System.Text.Json.Nodes;

namespace Brownian.Cli.Batch;

/// <summary>The options of <c>generate</c> for several requests at once.</summary>
internal sealed class BatchOptions
{
    private readonly Option<string?> _file = new Option<string?>("--from-file")
    {
        Description = "A request for each line: JSON lines, CSV with a header of field names, or prompts; - for standard input",
        HelpName = "FILE|-",
    }.In(HelpGroup.Batch);
    private readonly Option<string[]> _matrix = new Option<string[]>("--matrix")
    {
        Description = "A request for each combination of values, such as seed=1..4,guidance_scale=3,5,7; can be repeated",
        HelpName = "FIELD=VALUES",
        DefaultValueFactory = _ => [],
    }.In(HelpGroup.Batch);
    private readonly Option<string?> _wildcards = new Option<string?>("--wildcards")
    {
        Description = "Choose {a|b} and __name__ in prompts by the seed of each image; a folder has the files name.txt",
        HelpName = "FOLDER",
        Arity = ArgumentArity.ZeroOrOne,
    }.In(HelpGroup.Batch);
    private readonly Option<string?> _sheet = new Option<string?>("--sheet")
    {
        Description = "An image file with all images and their labels",
        HelpName = "FILE",
    }.In(HelpGroup.Batch);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_file, _matrix, _wildcards, _sheet])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Whether the command line asks for several requests.</summary>
    public bool IsSet(ParseResult parsed) => new Option[] { _file, _matrix, _wildcards, _sheet }.Any(option => IsGiven(parsed, option));

    /// <summary>Whether prompts may come from the file or the matrix.</summary>
    public bool HasPrompts(ParseResult parsed) => parsed.GetValue(_file) is not null
        || (parsed.GetValue(_matrix) ?? []).Any(axes => axes.Split(',').Any(axis => axis.StartsWith("prompt=", StringComparison.Ordinal)));

    /// <summary>The file of requests; null without one, and for standard input.</summary>
    public string? FileOf(ParseResult parsed) => parsed.GetValue(_file) is { } file and not "-" ? file : null;

    /// <summary>The file of the contact sheet, or null.</summary>
    public string? SheetOf(ParseResult parsed) => parsed.GetValue(_sheet);

    /// <summary>The number of images in a row of the contact sheet that the matrix determines; null without a matrix.</summary>
    public int? Columns { get; private set; }

    /// <summary>Makes the requests.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="common">The fields of the other options.</param>
    /// <param name="batch">The batch's id.</param>
    /// <param name="faults">Receives the faults.</param>
    /// <exception cref="FieldFaultException">The file cannot be read.</exception>
    public IReadOnlyList<BatchRequest> Plan(ParseResult parsed, JsonObject common, string batch, List<FieldFault> faults)
    {
        string? folder = parsed.GetValue(_wildcards);
        if (folder is not null && !Directory.Exists(folder))
        {
            faults.Add(FieldFault.Of("--wildcards", folder, "a folder that exists"));
        }
        IReadOnlyList<BatchItem> items = parsed.GetValue(_file) is { } file ? BatchFile.Read(file, faults) : [new BatchItem("", [], "")];
        var matrix = BatchMatrix.Parse(parsed.GetValue(_matrix) ?? [], faults);
        Columns = matrix.IsEmpty ? null : matrix.Columns;
        PromptVariants? variants = IsGiven(parsed, _wildcards) ? new PromptVariants(folder) : null;
        return BatchPlan.Create(common, items, matrix, variants, batch, faults);
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };
}
