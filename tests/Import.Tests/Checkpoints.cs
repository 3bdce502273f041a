using System.Runtime.InteropServices;
using System.Text.Json;

namespace Brownian.Import.Tests;

/// <summary>
/// Checkpoints in all forms of files, packed by <c>tests/Import.Tests/pack</c>: what the exported graphs of the golden tests contain is taken from
/// them.
/// </summary>
public sealed class Checkpoints : IDisposable
{
    private static readonly string Data = Repository.Combine("tests", "Import.Tests", "Data");

    private readonly TemporaryFolder _folder = new();
    private readonly Lock _lock = new();

    /// <summary>The exported models with the same weights.</summary>
    public static string Exported { get; } = Repository.Combine("tests", "Golden.Tests", "Data", "models");

    /// <summary>The parts that a model has in common with another one.</summary>
    private static readonly Dictionary<string, Dictionary<string, string>> Borrowed =
        JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string>>>(File.ReadAllText(Path.Combine(Data, "borrowed.json")))!;

    /// <summary>Returns the folder of a checkpoint. Tests read it only.</summary>
    public string Folder(string name)
    {
        lock (_lock)
        {
            string folder = _folder.Combine(name);
            if (!Directory.Exists(folder))
            {
                Unpack(name, folder);
                foreach ((string part, string other) in Borrowed.GetValueOrDefault(name) ?? [])
                {
                    string[] names = other.Split('/');
                    Copy(Path.Combine(Folder(names[0]), names[1]), Path.Combine(folder, part));
                }
            }
            return folder;
        }
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Copies a folder with its files.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static void Unpack(string name, string folder)
    {
        using FileStream literals = File.OpenRead(Path.Combine(Data, name + ".bin"));
        FileStream? file = null;
        try
        {
            foreach (string line in File.ReadLines(Path.Combine(Data, name + ".pack")))
            {
                string[] words = line.Split(' ');
                if (words[0] == "file")
                {
                    file?.Dispose();
                    string path = Path.Combine(folder, words[1]);
                    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                    file = File.Create(path);
                    continue;
                }
                file!.Write(Piece(words, literals));
            }
        }
        finally
        {
            file?.Dispose();
        }
    }

    private static byte[] Piece(string[] words, FileStream literals)
    {
        if (words[0] == "literal")
        {
            byte[] bytes = new byte[int.Parse(words[1], CultureInfo.InvariantCulture)];
            literals.ReadExactly(bytes);
            return bytes;
        }
        int[] numbers = [.. words[2..].Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        bool isTurned = words[0].StartsWith("turn", StringComparison.Ordinal);
        byte[] piece = new byte[isTurned ? numbers[1] * numbers[2] * sizeof(float) : numbers[1]];
        using (FileStream model = File.OpenRead(Path.Combine(Exported, words[1])))
        {
            model.Position = numbers[0];
            model.ReadExactly(piece);
        }
        if (words[0] == "copy")
        {
            return piece;
        }
        float[] values = MemoryMarshal.Cast<byte, float>(piece).ToArray();
        if (isTurned)
        {
            (int rows, int columns) = (numbers[1], numbers[2]);
            values = [.. Enumerable.Range(0, values.Length).Select(i => values[(i % rows * columns) + (i / rows)])];
        }
        return words[0].EndsWith("16", StringComparison.Ordinal)
            ? MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (Half)value).AsSpan()).ToArray()
            : MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }
}
