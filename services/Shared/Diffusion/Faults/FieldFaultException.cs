namespace Brownian.Diffusion.Faults;

/// <summary>The exception for a rejected input from outside. It contains every fault that was found, not only the first.</summary>
public sealed class FieldFaultException : Exception
{
    /// <summary>Creates an exception for faults.</summary>
    /// <param name="faults">At least one fault.</param>
    public FieldFaultException(IReadOnlyList<FieldFault> faults)
        : base(string.Join("; ", faults))
    {
        ArgumentOutOfRangeException.ThrowIfZero(faults.Count);
        Faults = faults;
    }

    /// <summary>Creates an exception for one fault.</summary>
    public FieldFaultException(FieldFault fault)
        : this([fault])
    {
    }

    /// <summary>Creates an exception for one field.</summary>
    /// <param name="field">The field's name.</param>
    /// <param name="value">The given value.</param>
    /// <param name="allowed">The allowed values.</param>
    public FieldFaultException(string field, object? value, string allowed)
        : this(FieldFault.Of(field, value, allowed))
    {
    }

    /// <summary>The faults, in the order in which they were found.</summary>
    public IReadOnlyList<FieldFault> Faults { get; }
}
