using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Cli.Requests;

/// <summary>A request that is valid for its models, which are not loaded yet.</summary>
/// <param name="Request">The request.</param>
/// <param name="Models">The folders of its models.</param>
/// <param name="Images">Its images.</param>
/// <param name="Files">The files that it names.</param>
internal sealed record PreparedRequest(GenerationRequest Request, ModelFolder[] Models, RequestImages Images, RequestFiles Files);
