using Brownian.Diffusion.Numerics;
using Brownian.Models.Plans;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>Checks the tensors and numbers of a task. Faults are reported before a run allocates anything.</summary>
internal static class DenoiseTaskRules
{
    /// <summary>The most values of a run's latents: an image of 8192 x 8192 pixels, 768 MiB. A small message must not reserve more.</summary>
    private const int MaxLatents = 3 * 8192 * 8192;

    /// <summary>Rejects a task whose images, ControlNets or windows do not fit its latents.</summary>
    /// <exception cref="ArgumentException">They do not fit. The message states the allowed values.</exception>
    public static void Require(DenoiseTask task)
    {
        RequireImage(task);
        RequireControls(task);
        RequireTiling(task);
    }

    /// <summary>Returns the number of values in a task's latents.</summary>
    public static int Length(DenoiseTask task)
    {
        IReadOnlyList<int> shape = task.LatentShape;
        long length = shape.Count == 3 && shape.All(size => size > 0) ? (long)shape[0] * shape[1] : 0;
        return length is > 0 and <= MaxLatents && length * shape[2] <= MaxLatents
            ? (int)(length * shape[2])
            : throw new ArgumentException(
                $"The latents have the shape [{string.Join(", ", shape)}]; allowed: [channels, height, width] of at most {MaxLatents} values",
                nameof(task));
    }

    /// <summary>Rejects start latents of another shape, and start latents that are not finite.</summary>
    public static void RequireStart(Tensor start, IReadOnlyList<int> shape, int length)
    {
        int[] expected = [1, .. shape];
        if (!start.Shape.SequenceEqual(expected) || start.Values.Length != length)
        {
            throw new ArgumentException(
                $"The start latents have {start.Values.Length} values and the shape [{string.Join(", ", start.Shape)}]; "
                    + $"allowed: [{string.Join(", ", expected)}]",
                nameof(start));
        }
        if (!Finite.All(start.Values))
        {
            throw new ArgumentException("The start latents are not finite (NaN or infinity)", nameof(start));
        }
    }

    /// <summary>Rejects images that do not fit the latents.</summary>
    private static void RequireImage(DenoiseTask task)
    {
        if (task.Image is not { } image)
        {
            return;
        }
        if (image.Role == ImageRole.Upscale)
        {
            RequireSmall(task, image);
            return;
        }
        int[] latents = [1, .. task.LatentShape], moments = [1, 2 * task.LatentShape[0], .. task.LatentShape.Skip(1)];
        foreach (Tensor? tensor in (Tensor?[])[image.Image, image.MaskedImage])
        {
            if (tensor is not null && !tensor.Shape.SequenceEqual(latents) && !tensor.Shape.SequenceEqual(moments))
            {
                throw new ArgumentException(
                    $"An image has the shape [{string.Join(", ", tensor.Shape)}]; "
                        + $"allowed: [{string.Join(", ", moments)}] or [{string.Join(", ", latents)}]",
                    nameof(task));
            }
        }
        RequireMask(task, image);
        bool lacks = image.Role switch
        {
            ImageRole.Inpaint => image.Mask is null || image.MaskedImage is null || (image.Start != DenoiseStart.Noise && image.Image is null),
            ImageRole.Guide => image.Image is null || image.Start != DenoiseStart.Noise,
            _ => image.Image is null,
        };
        if (lacks)
        {
            throw new ArgumentException(
                $"The run requires an image or a mask that is missing ({image.Role}, {image.Start})", nameof(task));
        }
    }

    private static void RequireMask(DenoiseTask task, ImageCondition image)
    {
        if (image.Mask is { } mask && !mask.Shape.SequenceEqual([1, 1, .. task.LatentShape.Skip(1)]))
        {
            throw new ArgumentException(
                $"The mask has the shape [{string.Join(", ", mask.Shape)}]; allowed: [1, 1, {task.LatentShape[1]}, {task.LatentShape[2]}]",
                nameof(task));
        }
    }

    /// <summary>Rejects a small image and a starting image that do not have the run's height and width.</summary>
    private static void RequireSmall(DenoiseTask task, ImageCondition image)
    {
        if (image.Image?.Shape is not [1, > 0, var height, var width] || height != task.LatentShape[1] || width != task.LatentShape[2])
        {
            throw new ArgumentException(
                $"The image has the shape [{string.Join(", ", image.Image?.Shape ?? [])}]; allowed: [1, channels, "
                    + $"{task.LatentShape[1]}, {task.LatentShape[2]}]",
                nameof(task));
        }
        if (image.Original is { } original && !original.Shape.SequenceEqual([1, .. task.LatentShape]))
        {
            throw new ArgumentException(
                $"The start image has the shape [{string.Join(", ", original.Shape)}]; allowed: [1, {string.Join(", ", task.LatentShape)}]",
                nameof(task));
        }
        if (image.Original is null == (image.Start != DenoiseStart.Noise) || image.Mask is not null
            && !(image is { KeepsPrevious: true, Original: not null }))
        {
            throw new ArgumentException(
                $"The run begins at {image.Start} with {(image.Original is null ? "no" : "a")} start image and "
                    + $"{(image.Mask is null ? "no" : "a")} mask, which cannot be combined",
                nameof(task));
        }
        if (!Finite.All(image.Image.Values) || (image.Original is not null && !Finite.All(image.Original.Values)))
        {
            throw new ArgumentException("The image to upscale or the start image is not finite (NaN or infinity)", nameof(task));
        }
        RequireMask(task, image);
    }

    /// <summary>Rejects control images that do not fit the latents, and invalid ranges and scales.</summary>
    private static void RequireControls(DenoiseTask task)
    {
        foreach (ControlCondition control in task.Controls)
        {
            if (control.Image.Shape is not [1, 3, var height, var width] || height < 1 || width < 1
                || (long)height * task.LatentShape[2] != (long)width * task.LatentShape[1] || height % task.LatentShape[1] != 0)
            {
                throw new ArgumentException(
                    $"The control image of {control.Net.Name} has the shape [{string.Join(", ", control.Image.Shape)}]; allowed: [1, 3, n * "
                        + $"{task.LatentShape[1]}, n * {task.LatentShape[2]}]",
                    nameof(task));
            }
            if (!Finite.All(control.Image.Values))
            {
                throw new ArgumentException($"The control image of {control.Net.Name} is not finite (NaN or infinity)", nameof(task));
            }
            if (!double.IsFinite(control.Scale) || !(control.Start >= 0 && control.Start < control.End && control.End <= 1))
            {
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{control.Net.Name} has the weight {control.Scale} from {control.Start} to {control.End}; "
                            + $"allowed: finite, 0 <= start < end <= 1"),
                    nameof(task));
            }
        }
    }

    /// <summary>Rejects invalid windows, and features that cannot be combined with windows.</summary>
    private static void RequireTiling(DenoiseTask task)
    {
        if (task.Tiling is not { } tiling)
        {
            return;
        }
        if (tiling.Side < 1 || tiling.Overlap < 0 || tiling.Overlap > tiling.Side / 2)
        {
            throw new ArgumentException(
                $"Windows of {tiling.Side} latents with {tiling.Overlap} in common; allowed: at least 1, and 0 to half of that", nameof(task));
        }
        if (task.Controls.Count > 0 || task.Guidance.PerturbedScale > 0)
        {
            throw new ArgumentException("A run in windows supports neither ControlNets nor perturbed-attention guidance", nameof(task));
        }
    }
}
