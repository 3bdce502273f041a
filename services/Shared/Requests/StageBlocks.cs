using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The fields of each stage in a request to a cascade.</summary>
public sealed record StageBlocks
{
    /// <summary>The largest number of stages of a cascade.</summary>
    public const int MaxStages = 3;

    private const string Block = "The stage's fields, in a request to a cascade";
    private const string Offset = "A number that is added to the stage's seeds";

    /// <summary>The first stage's own fields.</summary>
    [BlockField(Block, FieldScope.Stage, Name = "stage_1", Group = FieldGroup.Cascade, Neutral = "{}")]
    public JsonObject? Stage1 { get; init; }

    /// <summary>The second stage's own fields.</summary>
    [BlockField(Block, FieldScope.Stage, Name = "stage_2", Group = FieldGroup.Cascade, Neutral = "{}")]
    public JsonObject? Stage2 { get; init; }

    /// <summary>The third stage's own fields.</summary>
    [BlockField(Block, FieldScope.Stage, Name = "stage_3", Group = FieldGroup.Cascade, Neutral = "{}")]
    public JsonObject? Stage3 { get; init; }

    /// <summary>The offset that is added to the seeds of the second stage.</summary>
    [IntegerField(Offset, 0, int.MaxValue, Name = "stage_2_seed_offset", Group = FieldGroup.Cascade, Default = "0", Neutral = "0")]
    public int? Stage2SeedOffset { get; init; }

    /// <summary>The offset that is added to the seeds of the third stage.</summary>
    [IntegerField(Offset, 0, int.MaxValue, Name = "stage_3_seed_offset", Group = FieldGroup.Cascade, Default = "0", Neutral = "0")]
    public int? Stage3SeedOffset { get; init; }
}
