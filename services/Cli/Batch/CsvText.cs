using System.Text;

namespace Brownian.Cli.Batch;

/// <summary>Reads comma-separated values (RFC 4180): cells in quotes may contain commas, line breaks and doubled quotes.</summary>
internal static class CsvText
{
    /// <summary>Returns the rows that are not empty, each with the number of its first line, from 1.</summary>
    public static IEnumerable<(int Line, IReadOnlyList<string> Cells)> Rows(string text)
    {
        text = text.ReplaceLineEndings("\n");
        var cells = new List<string>();
        var cell = new StringBuilder();
        int line = 1, first = 1;
        bool quoted = false;
        for (int i = 0; i <= text.Length; i++)
        {
            char letter = i < text.Length ? text[i] : '\n';
            line += letter == '\n' ? 1 : 0;
            if (quoted && i < text.Length)
            {
                if (letter != '"')
                {
                    cell.Append(letter);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    cell.Append('"');
                    i++;
                }
                else
                {
                    quoted = false;
                }
            }
            else if (letter == '"' && cell.Length == 0)
            {
                quoted = true;
            }
            else if (letter is ',' or '\n')
            {
                cells.Add(cell.ToString());
                cell.Clear();
                if (letter == ',')
                {
                    continue;
                }
                if (cells is not [{ Length: 0 }])
                {
                    yield return (first, cells);
                }
                (cells, first) = ([], line);
            }
            else
            {
                cell.Append(letter);
            }
        }
    }
}
