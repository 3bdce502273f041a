namespace Brownian.Cli.Output;

/// <summary>Formats rows as columns of text, each as wide as its longest cell.</summary>
internal static class TextTable
{
    /// <summary>Returns the lines of a table.</summary>
    /// <param name="rows">The header and the rows, with the same number of cells.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return rows.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Returns a text in one line of a largest length.</summary>
    public static string Cut(string text, int max)
    {
        const string More = "...";
        text = text.ReplaceLineEndings(" ");
        return text.Length <= max ? text : text[..(max - More.Length)] + More;
    }
}
