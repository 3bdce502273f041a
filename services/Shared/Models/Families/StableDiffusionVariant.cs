using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// The differences of one kind of Stable Diffusion models from 1.x and 2.x. Several variants can cover one model, for example XL and inpainting. Each
/// one changes what the reference's pipelines of its kind change, and keeps the rest.
/// </summary>
internal abstract class StableDiffusionVariant
{
    /// <summary>Returns whether a model is of the kind.</summary>
    public abstract bool Covers(ModelFacts facts);

    /// <summary>Returns the pipeline with the kind's name, tasks, fields and defaults.</summary>
    public abstract StableDiffusionPipeline Adjust(StableDiffusionPipeline pipeline);

    /// <summary>Rejects the kind's fields in tasks that do not use them.</summary>
    /// <param name="request">The request, of a task that the model supports.</param>
    /// <param name="family">The name of the model's kind.</param>
    /// <param name="faults">Receives the faults.</param>
    public virtual void CheckTask(GenerationRequest request, string family, List<FieldFault> faults)
    {
    }

    /// <summary>Returns the sampling options and the strength of a run that starts from an image.</summary>
    /// <param name="sampling">The options for the scheduler's whole grid.</param>
    /// <param name="strength">How far the result may be from the image; null when it is not set.</param>
    /// <returns>The sampling options, and the strength that selects the steps to run; null to run all.</returns>
    public virtual (SamplingOptions Sampling, double? Strength) RunOf(SamplingOptions sampling, double? strength) => (sampling, strength);

    /// <summary>Returns the request with the defaults of the kind's own fields.</summary>
    public virtual ResolvedRequest Complete(ResolvedRequest resolved, ModelFacts facts) => resolved;

    /// <summary>Returns whether the run receives the latents of the whole image. The latents of the masked image are another input.</summary>
    public virtual bool TakesWholeImage(ResolvedRequest request) => true;

    /// <summary>Returns the image settings with the role that images have for the kind's denoiser.</summary>
    public virtual ImageSettings Complete(ImageSettings image, ResolvedRequest request) => image;

    /// <summary>Returns the run's settings with the additional inputs of the kind's denoiser.</summary>
    public virtual DenoiseSettings Complete(DenoiseSettings settings, ResolvedRequest request) => settings;
}
