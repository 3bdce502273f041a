namespace Brownian.Diffusion.Faults;

/// <summary>An input from outside was refused. Carries every fault that was found, not only the first.</summary>
public sealed class FieldFaultException : Exception
{
    /// <summary>Refuses an input for the given faults.</summary>
    /// <param name="faults">At least one fault.</param>
    public FieldFaultException(IReadOnlyList<FieldFault> faults)
        : base(string.Join("; ", faults))
    {
        ArgumentOutOfRangeException.ThrowIfZero(faults.Count);
        Faults = faults;
    }

    /// <summary>Refuses an input for one fault.</summary>
    public FieldFaultException(FieldFault fault)
        : this([fault])
    {
    }

    /// <summary>Refuses an input for one field.</summary>
    /// <param name="field">The field's name.</param>
    /// <param name="value">What was given.</param>
    /// <param name="allowed">What is allowed.</param>
    public FieldFaultException(string field, object? value, string allowed)
        : this(FieldFault.Of(field, value, allowed))
    {
    }

    /// <summary>What is wrong, in the order it was found.</summary>
    public IReadOnlyList<FieldFault> Faults { get; }
}
