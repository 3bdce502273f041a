using Brownian.Import.Folders;
using Brownian.Import.Hub;

namespace Brownian.Cli.Output;

/// <summary>
/// Shows the progress of a download or an import on standard error: one line that changes on a terminal, a line for every tenth elsewhere.
/// </summary>
/// <param name="form">The form of the model that is written, where several are; null for none.</param>
internal sealed class ImportReport(string? form = null) : IProgress<ImportProgress>, IProgress<PullProgress>
{
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private int _last = -1;

    public void Report(ImportProgress value) => Report(value.Bytes, value.AllBytes, value.Part);

    public void Report(PullProgress value) => Report(value.Bytes, value.AllBytes, value.File.Split('/')[0]);

    /// <summary>Ends the line.</summary>
    public void Finish()
    {
        if (_isTerminal && _last >= 0)
        {
            Console.Error.WriteLine();
        }
    }

    private void Report(long bytes, long allBytes, string what)
    {
        int percent = allBytes == 0 ? 100 : (int)(bytes * 100 / allBytes);
        int shown = _isTerminal ? percent : percent / 10;
        if (shown == _last)
        {
            return;
        }
        _last = shown;
        string part = form is null ? what : $"{what} ({form})";
        string line = string.Create(CultureInfo.InvariantCulture, $"{percent,3} %  {Megabytes(bytes)} of {Megabytes(allBytes)} MB  {part}");
        if (_isTerminal)
        {
            Console.Error.Write($"\r{line,-72}");
        }
        else
        {
            Console.Error.WriteLine(line);
        }
    }

    private static string Megabytes(long bytes) => (bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
}
