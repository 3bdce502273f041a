using System.Text.Json.Nodes;

namespace Brownian.Requests.Schema;

/// <summary>An object whose fields depend on each other.</summary>
internal interface ICheckedFields
{
    /// <summary>Finds faults in the combination of fields.</summary>
    /// <param name="json">The fields as given.</param>
    /// <param name="path">The name of the object's field.</param>
    /// <param name="faults">Receives the faults.</param>
    void Check(JsonObject json, string path, List<FieldFault> faults);
}
