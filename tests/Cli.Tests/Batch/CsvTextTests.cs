using Brownian.Cli.Batch;
using CsCheck;

namespace Brownian.Cli.Tests.Batch;

/// <summary>Comma-separated values.</summary>
public sealed class CsvTextTests
{
    [Fact]
    public void Cells_may_have_quotes_commas_and_line_breaks()
    {
        (int, string[])[] rows = [.. CsvText.Rows("prompt,seed\r\n\"a, \"\"b\"\"\nc\",1\n\nd,\n").Select(row => (row.Line, row.Cells.ToArray()))];

        Assert.Equal([1, 2, 5], rows.Select(row => row.Item1));
        Assert.Equal(["prompt", "seed"], rows[0].Item2);
        Assert.Equal(["a, \"b\"\nc", "1"], rows[1].Item2);
        Assert.Equal(["d", ""], rows[2].Item2);
    }

    [Fact]
    public void What_is_written_in_quotes_is_read_as_it_was() => Gen.String[Gen.Char["ab,\"\n "], 0, 8].Array[2, 4].Array[1, 5].Sample(rows =>
    {
        string text = string.Join('\n', rows.Select(row => string.Join(',', row.Select(cell => $"\"{cell.Replace("\"", "\"\"")}\""))));

        Assert.Equal(rows, CsvText.Rows(text).Select(row => row.Cells.ToArray()));
    });
}
