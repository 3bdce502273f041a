using Brownian.Import.Folders;

namespace Brownian.Cli.Output;

/// <summary>Shows the progress of an import on standard error: one line that changes on a terminal, a line for every tenth elsewhere.</summary>
internal sealed class ImportReport : IProgress<ImportProgress>
{
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private int _last = -1;

    public void Report(ImportProgress value)
    {
        int percent = value.AllBytes == 0 ? 100 : (int)(value.Bytes * 100 / value.AllBytes);
        int shown = _isTerminal ? percent : percent / 10;
        if (shown == _last)
        {
            return;
        }
        _last = shown;
        string line = string.Create(
            CultureInfo.InvariantCulture, $"{percent,3} %  {Megabytes(value.Bytes)} of {Megabytes(value.AllBytes)} MB  {value.Part}");
        if (_isTerminal)
        {
            Console.Error.Write($"\r{line,-60}");
        }
        else
        {
            Console.Error.WriteLine(line);
        }
    }

    /// <summary>Ends the line.</summary>
    public void Finish()
    {
        if (_isTerminal && _last >= 0)
        {
            Console.Error.WriteLine();
        }
    }

    private static string Megabytes(long bytes) => (bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
}
