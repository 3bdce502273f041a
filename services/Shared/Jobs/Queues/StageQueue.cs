using System.Security.Cryptography;
using System.Text;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Queues;

/// <summary>A queue: one for each stage kind, model and priority class.</summary>
/// <param name="Kind">One of <see cref="StageKind"/>.</param>
/// <param name="Model">The model's name; null for stages that run no model.</param>
/// <param name="Priority">The priority class.</param>
public sealed record StageQueue(string Kind, string? Model, JobPriority Priority)
{
    /// <summary>The queue that a stage waits in.</summary>
    public static StageQueue Of(PlanStage stage, JobPriority priority) => new(stage.Kind, stage.Model, priority);

    /// <summary>The queue's name, with the version of the messages in it.</summary>
    public string Name => string.Create(
        CultureInfo.InvariantCulture,
        $"brownian.v{StageMessage.CurrentVersion}.{Kind}.{(Model is null ? "any" : Slug(Model))}.{Priority.ToName()}");

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Letters, digits and dashes; a hash keeps names distinct that would otherwise become equal.</summary>
    private static string Slug(string model)
    {
        string slug = new([.. model.ToLowerInvariant().Select(character => char.IsAsciiLetterOrDigit(character) ? character : '-')]);
        if (slug == model && slug.Length <= 64)
        {
            return slug;
        }
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(model)))[..8];
        return $"{(slug.Length <= 48 ? slug : slug[..48])}-{hash}";
    }
}
