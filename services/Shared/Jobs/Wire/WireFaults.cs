using Google.Rpc;

namespace Brownian.Jobs.Wire;

/// <summary>Converts faults of a request's fields to messages.</summary>
public static class WireFaults
{
    /// <summary>Converts all faults to the error detail that callers read.</summary>
    public static BadRequest ToMessage(this FieldFaultException faults)
    {
        var request = new BadRequest();
        request.FieldViolations.Add(
            faults.Faults.Select(fault => new BadRequest.Types.FieldViolation { Field = fault.Field, Description = fault.Message }));
        return request;
    }
}
