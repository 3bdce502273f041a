using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// How a kind of Stable Diffusion models differs from 1.x and 2.x. Several variants can cover one model, as XL and inpainting do; each changes
/// what the reference's pipelines of its kind change, and leaves the rest.
/// </summary>
internal abstract class StableDiffusionVariant
{
    /// <summary>Whether a model is of the kind.</summary>
    public abstract bool Covers(ModelFacts facts);

    /// <summary>The pipeline with the kind's name, tasks, fields and defaults.</summary>
    public abstract StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline);

    /// <summary>Refuses the kind's fields where the task gives them no meaning.</summary>
    /// <param name="request">The request, of a task that the model has.</param>
    /// <param name="family">The name of the model's kind.</param>
    /// <param name="faults">Where faults go.</param>
    public virtual void CheckTask(GenerationRequest request, string family, List<FieldFault> faults)
    {
    }

    /// <summary>A run of the scheduler that goes so far from an image.</summary>
    /// <param name="sampling">The run over the scheduler's whole grid.</param>
    /// <param name="strength">How far to go; null where nothing says it.</param>
    /// <returns>The run, and the strength that says which of its steps are made; null for all.</returns>
    public virtual (SamplingOptions Sampling, double? Strength) RunOf(SamplingOptions sampling, double? strength) => (sampling, strength);

    /// <summary>The request with the defaults of the kind's own fields.</summary>
    public virtual ResolvedRequest Complete(ResolvedRequest resolved, ModelFacts facts) => resolved;

    /// <summary>Whether the run is given latents of the whole image; those of the masked image are another input.</summary>
    public virtual bool TakesWholeImage(ResolvedRequest request) => true;

    /// <summary>What the image is to the kind's denoiser.</summary>
    public virtual ImageSettings Complete(ImageSettings image, ResolvedRequest request) => image;

    /// <summary>The run with what the kind's denoiser is given beside the latents.</summary>
    public virtual DenoiseSettings Complete(DenoiseSettings settings, ResolvedRequest request) => settings;
}
