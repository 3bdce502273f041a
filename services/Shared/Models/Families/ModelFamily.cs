using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// A kind of models that are run alike: which folders hold one, what their files say, what a request means for one, and which stages it
/// takes. Services and stages know none of it.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>The key that <see cref="ModelFacts.Family"/> has.</summary>
    public abstract string Key { get; }

    /// <summary>Whether a folder's parts are those of a model of the family, whole or not.</summary>
    public abstract bool Holds(ModelFolder model);

    /// <summary>The name of a model's kind, for people.</summary>
    public abstract string NameFor(ModelFacts facts);

    /// <summary>The fields that requests to each kind of the family's models may have, whatever the task.</summary>
    public abstract IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary { get; }

    /// <summary>Checks that a folder holds a whole model.</summary>
    /// <exception cref="ModelException">It does not; the message says what is missing.</exception>
    public abstract void Require(ModelFolder model);

    /// <summary>What a folder's files say; loads no graph.</summary>
    /// <exception cref="ModelException">A file is damaged.</exception>
    public abstract ModelFacts Read(ModelFolder model);

    /// <summary>What a request means for a model; null, with faults, where it means nothing.</summary>
    /// <param name="request">Read by <see cref="RequestReader"/>.</param>
    /// <param name="images">The images that it names; in a cascade's later stages the one before it.</param>
    /// <param name="model">The model.</param>
    /// <param name="faults">Where faults go.</param>
    public abstract ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults);

    /// <summary>Adds what is done for a request, up to the images.</summary>
    /// <param name="plan">Where stages go.</param>
    /// <param name="request">Resolved.</param>
    /// <param name="model">The model.</param>
    /// <param name="before">The output with the images of the cascade's stage before; null in a first one.</param>
    /// <returns>The output with the images: bytes, or numbers in about [-1, 1].</returns>
    public abstract string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before);

    /// <summary>Whether images of another stage can be given to a model of the family.</summary>
    public virtual bool Upscales(ModelFacts facts) => false;
}
