using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>Fields of one object that depend on each other.</summary>
internal interface ICheckedFields
{
    /// <summary>Finds what is wrong with the fields together.</summary>
    /// <param name="json">As they were given.</param>
    /// <param name="path">The object's field.</param>
    /// <param name="faults">Where faults go.</param>
    void Check(JsonObject json, string path, List<FieldFault> faults);
}
