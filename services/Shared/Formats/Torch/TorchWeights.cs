using System.Buffers.Binary;
using System.Numerics;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Torch;

/// <summary>
/// Opens checkpoints that <c>torch.save</c> wrote (<c>.bin</c>, <c>.ckpt</c>, <c>.pt</c>, <c>.pth</c>; PyTorch's torch/serialization.py): a zip
/// archive of a pickle and the storages, or, before PyTorch 1.6, pickles with the storages behind them. Only tensors and containers of them are
/// read, and no code of a file runs.
/// </summary>
public static class TorchWeights
{
    private const string PickleFile = "data.pkl";

    /// <summary>The largest pickle, in bytes. Those of the largest checkpoints have a few million.</summary>
    private const long MaxPickle = 64 << 20;

    /// <summary>How deep dictionaries may contain dictionaries.</summary>
    private const int MaxDepth = 32;

    /// <summary>The first value of a file of PyTorch before 1.6, and the version that follows.</summary>
    private static readonly BigInteger OldMagic = BigInteger.Parse("01950A86A20F9469CFC6C", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private const long OldVersion = 1001;

    /// <summary>Whether bytes begin a file of this format.</summary>
    public static bool Is(ReadOnlySpan<byte> head) =>
        head.StartsWith("PK\u0003\u0004"u8) || head is [0x80, >= 2 and <= 5, ..] and not [_, _, _, _, 0, 0, 0, 0, ..];

    /// <summary>Reads the pickle of an open file.</summary>
    /// <param name="handle">The file; the result owns it.</param>
    /// <param name="head">The file's first bytes.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <returns>
    /// The tensors of the dictionary <c>state_dict</c> if the file has one, otherwise all: those of dictionaries within dictionaries have names that
    /// are joined by points.
    /// </returns>
    /// <exception cref="ModelException">The file is damaged, or contains something other than tensors.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WeightFile Read(SafeFileHandle handle, ReadOnlySpan<byte> head, string name)
    {
        (object? root, Func<TorchStorage, StoragePlace> find) = head[0] == (byte)'P' ? ReadArchive(handle, name) : ReadOld(handle, name);
        object? weights = (root as PickleDictionary)?.Find("state_dict") is PickleDictionary state ? state : root;
        var found = new Dictionary<string, TorchTensor>(StringComparer.Ordinal);
        foreach ((string path, TorchTensor tensor) in TensorsOf(weights, name))
        {
            // The last entry of a dictionary counts.
            found[path] = tensor;
        }
        if (found.Count == 0)
        {
            throw new ModelException($"{name} is a PyTorch file without tensors");
        }
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach ((string key, TorchTensor tensor) in found)
        {
            StoragePlace place = find(tensor.Storage);
            long needed = tensor.Storage.Count * (tensor.Storage.Format?.BlockBytes ?? 1);
            if (place.Length < needed)
            {
                throw new ModelException(
                    $"{name} is a damaged PyTorch file: the storage {tensor.Storage.Key} has {place.Length} bytes, and \"{key}\" needs {needed}");
            }
            tensors[key] = new StoredTensor(key, tensor.Format, tensor.Shape, place.Start + (tensor.Offset * tensor.Format.BlockBytes))
            {
                Strides = IsRowMajor(tensor) ? null : tensor.Strides,
            };
        }
        return new WeightFile(name, handle, tensors, new Dictionary<string, string>());
    }

    private static (object? Root, Func<TorchStorage, StoragePlace> Find) ReadArchive(SafeFileHandle handle, string name)
    {
        IReadOnlyList<ZipEntry> entries = ZipDirectory.Read(handle, name);
        ZipEntry pickle = entries.FirstOrDefault(entry => entry.Name == PickleFile || entry.Name.EndsWith("/" + PickleFile, StringComparison.Ordinal))
            ?? throw new ModelException(
                $"{name} is a zip archive without {PickleFile}, so it is no checkpoint of PyTorch: if it contains one, unpack it");
        string folder = pickle.Name[..^PickleFile.Length];
        var files = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        foreach (ZipEntry entry in entries)
        {
            files[entry.Name] = entry;
        }
        if (files.TryGetValue(folder + "byteorder", out ZipEntry? order) && order.Length is > 0 and < 16)
        {
            byte[] text = new byte[order.Length];
            FilePart.Read(handle, order.Start, text, name);
            if (!text.AsSpan().SequenceEqual("little"u8))
            {
                throw new ModelException($"{name} was saved on a machine with another byte order; allowed: little");
            }
        }
        byte[] bytes = ReadPickle(handle, pickle.Start, pickle.Length, name);
        return (new PickleReader(bytes, name).Read(), storage => files.TryGetValue($"{folder}data/{storage.Key}", out ZipEntry? file)
            ? new StoragePlace(file.Start, file.Length)
            : throw new ModelException($"{name} is a damaged PyTorch file: it has no storage {storage.Key}"));
    }

    private static (object? Root, Func<TorchStorage, StoragePlace> Find) ReadOld(SafeFileHandle handle, string name)
    {
        long length = RandomAccess.GetLength(handle);
        // The pickles come first, and their length is not stated.
        byte[] bytes = ReadPickle(handle, 0, Math.Min(length, MaxPickle), name);
        var reader = new PickleReader(bytes, name);
        if (reader.Read() is not BigInteger magic || magic != OldMagic || reader.Read() is not OldVersion)
        {
            throw new ModelException($"{name} is a pickle that PyTorch did not write: a checkpoint of PyTorch is needed");
        }
        reader.Read();
        object? root = reader.Read();
        if (reader.Read() is not List<object?> keys)
        {
            throw new ModelException($"{name} is a damaged PyTorch file: it does not list its storages");
        }
        // Their lengths are known from the tensors, which name the element types.
        var storages = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        foreach ((_, TorchTensor tensor) in TensorsOf(root, name))
        {
            storages.TryAdd(tensor.Storage.Key, tensor.Storage);
        }
        var places = new Dictionary<string, StoragePlace>(StringComparer.Ordinal);
        long position = reader.Position;
        byte[] count = new byte[sizeof(long)];
        foreach (object? key in keys)
        {
            if (key is not string text || !storages.TryGetValue(text, out TorchStorage? storage) || position > length - sizeof(long))
            {
                throw new ModelException($"{name} is a damaged PyTorch file: its list of storages does not fit its tensors");
            }
            FilePart.Read(handle, position, count, name);
            position += sizeof(long);
            int size = storage.Format?.BlockBytes ?? 1;
            long stated = BinaryPrimitives.ReadInt64LittleEndian(count);
            if (stated < 0 || stated > (length - position) / size)
            {
                throw new ModelException(
                    $"{name} is a damaged PyTorch file: the storage {text} would have {stated} elements, and {length - position} bytes follow");
            }
            places[text] = new StoragePlace(position, stated * size);
            position += stated * size;
        }
        return (root, storage => places.TryGetValue(storage.Key, out StoragePlace? place)
            ? place
            : throw new ModelException($"{name} is a damaged PyTorch file: it has no storage {storage.Key}"));
    }

    private static byte[] ReadPickle(SafeFileHandle handle, long start, long length, string name)
    {
        if (length > MaxPickle)
        {
            throw new ModelException($"{name} has a pickle of {length} bytes; allowed: {MaxPickle}");
        }
        byte[] bytes = new byte[length];
        FilePart.Read(handle, start, bytes, name);
        return bytes;
    }

    /// <summary>Returns the tensors of containers within containers, each container once: a file may contain one that contains itself.</summary>
    private static IEnumerable<(string Path, TorchTensor Tensor)> TensorsOf(object? root, string name)
    {
        var visited = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var open = new Queue<(string Path, int Depth, object? Value)>([("", 0, root)]);
        while (open.TryDequeue(out (string Path, int Depth, object? Value) next))
        {
            if (next.Value is TorchTensor tensor)
            {
                yield return (next.Path, tensor);
            }
            if (next.Value is not (PickleDictionary or List<object?> or object?[]) || !visited.Add(next.Value))
            {
                continue;
            }
            if (next.Depth == MaxDepth)
            {
                throw new ModelException($"{name} has dictionaries within dictionaries, more than {MaxDepth} deep");
            }
            foreach ((string member, object? value) in Members(next.Value))
            {
                open.Enqueue((next.Depth == 0 ? member : $"{next.Path}.{member}", next.Depth + 1, value));
            }
        }
    }

    private static IEnumerable<(string Name, object? Value)> Members(object container) =>
        container is PickleDictionary dictionary
            ? dictionary.Entries
                .Where(entry => entry.Key is string or long)
                .Select(entry => (Convert.ToString(entry.Key, CultureInfo.InvariantCulture)!, entry.Value))
            : ((IEnumerable<object?>)container).Select((member, index) => (index.ToString(CultureInfo.InvariantCulture), member));

    private static bool IsRowMajor(TorchTensor tensor)
    {
        long expected = 1;
        for (int i = tensor.Shape.Count - 1; i >= 0; i--)
        {
            if (tensor.Shape[i] > 1 && tensor.Strides[i] != expected)
            {
                return false;
            }
            expected *= Math.Max(1, tensor.Shape[i]);
        }
        return true;
    }
}
