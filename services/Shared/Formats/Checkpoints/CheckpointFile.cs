using Brownian.Formats.Files;
using Brownian.Formats.Gguf;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Torch;
using Brownian.Formats.Weights;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Checkpoints;

/// <summary>Opens a file of weights by its content, whatever its name: safetensors, PyTorch's checkpoints, or GGUF.</summary>
public static class CheckpointFile
{
    /// <summary>Opens a file.</summary>
    /// <param name="file">The path.</param>
    /// <param name="name">The file's name in messages; null for its own name.</param>
    /// <exception cref="ModelException">
    /// The file cannot be read, is of another format, is damaged, or contains something other than tensors.
    /// </exception>
    public static WeightFile Open(string file, string? name = null)
    {
        name ??= Path.GetFileName(file);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(file);
            byte[] head = new byte[(int)Math.Min(MistakenFile.HeadLength, RandomAccess.GetLength(handle))];
            FilePart.Read(handle, 0, head, name);
            WeightFile opened =
                GgufWeights.Is(head) ? GgufWeights.Read(handle, name)
                : TorchWeights.Is(head) ? TorchWeights.Read(handle, head, name)
                : SafetensorsWeights.Read(handle, head, name);
            handle = null;
            return opened;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            string message = exception.Message.Replace(Path.GetFullPath(file), name, StringComparison.Ordinal);
            throw new ModelException($"{name} cannot be read: {message}", exception);
        }
        finally
        {
            handle?.Dispose();
        }
    }
}
