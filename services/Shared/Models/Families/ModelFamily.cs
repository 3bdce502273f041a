using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// A kind of models that run in the same way. A family determines which folders contain its models, reads the facts of their files, resolves requests
/// and builds plans. Services and stages do not depend on families.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>The value of <see cref="ModelFacts.Family"/> for models of the family.</summary>
    public abstract string Key { get; }

    /// <summary>Returns whether a folder's parts are those of a model of the family, complete or not.</summary>
    public abstract bool Holds(ModelFolder model);

    /// <summary>Returns the display name of a model's kind.</summary>
    public abstract string NameFor(ModelFacts facts);

    /// <summary>The fields that requests to each kind of the family's models may set, for all tasks together.</summary>
    public abstract IEnumerable<(string Kind, IReadOnlyList<string> Fields)> Vocabulary { get; }

    /// <summary>Checks that a folder contains a complete model.</summary>
    /// <exception cref="ModelException">The model is incomplete. The message states what is missing.</exception>
    public abstract void Require(ModelFolder model);

    /// <summary>Reads the facts that a folder's files state. Loads no graph.</summary>
    /// <exception cref="ModelException">A file is damaged.</exception>
    public abstract ModelFacts Read(ModelFolder model);

    /// <summary>Resolves a request for a model. Returns null and adds faults when the request is invalid.</summary>
    /// <param name="request">A request read by <see cref="RequestReader"/>.</param>
    /// <param name="images">The images that the request names. In a cascade's later stages, the image of the stage before.</param>
    /// <param name="model">The model.</param>
    /// <param name="faults">Receives the faults.</param>
    public abstract ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults);

    /// <summary>Adds the stages of a request to a plan, up to the images.</summary>
    /// <param name="plan">Receives the stages.</param>
    /// <param name="request">The resolved request.</param>
    /// <param name="model">The model.</param>
    /// <param name="before">The output with the images of the cascade's stage before; null in the first stage.</param>
    /// <returns>The output with the images: bytes, or numbers in about [-1, 1].</returns>
    public abstract string Add(PlanBuilder plan, ResolvedRequest request, ModelCard model, string? before);

    /// <summary>Returns whether a model of the family accepts the images of another stage.</summary>
    public virtual bool Upscales(ModelFacts facts) => false;
}
