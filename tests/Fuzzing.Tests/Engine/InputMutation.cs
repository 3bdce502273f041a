namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>Makes the inputs of a target's cases.</summary>
/// <param name="target">The target.</param>
/// <param name="valid">Inputs that the target accepts, which are changed most often.</param>
/// <param name="corpus">All inputs.</param>
internal sealed class InputMutation(FuzzTarget target, IReadOnlyList<FuzzInput> valid, IReadOnlyList<FuzzInput> corpus)
{
    private readonly ILookup<string, FuzzInput> _valid = valid.ToLookup(input => input.Kind, StringComparer.Ordinal);
    private readonly ILookup<string, FuzzInput> _ofKind = corpus.ToLookup(input => input.Kind, StringComparer.Ordinal);
    private readonly string[] _kinds = [.. corpus.Select(input => input.Kind).Distinct(StringComparer.Ordinal)];

    /// <summary>Returns the input of a case.</summary>
    public FuzzInput Make(FuzzRandom random)
    {
        // Kinds are equally probable, however many inputs they have.
        string kind = random.Pick(_kinds);
        FuzzInput[] inputs = [.. _ofKind[kind]];
        FuzzInput[] accepted = [.. _valid[kind]];
        byte[] bytes = random.Pick(accepted.Length == 0 || random.OneIn(4) ? inputs : accepted).Bytes;
        FuzzFormat format = target.FormatOf(kind);
        for (int changes = random.Length(8); changes > 0; changes--)
        {
            byte[] other = (random.OneIn(8) ? random.Pick(corpus) : random.Pick(inputs)).Bytes;
            byte[]? changed = format switch
            {
                FuzzFormat.Json when !random.OneIn(4) => JsonMutation.Apply(random, bytes, other, target.Tokens),
                FuzzFormat.Wire when !random.OneIn(4) => WireMutation.Apply(random, bytes, other, target.Tokens),
                _ => null,
            };
            bytes = changed ?? ByteMutation.Apply(random, bytes, other, target.Tokens);
            if (bytes.Length > target.MaxLength)
            {
                bytes = bytes[..target.MaxLength];
            }
        }
        return new FuzzInput(kind, target.Repair(random, kind, bytes));
    }
}
