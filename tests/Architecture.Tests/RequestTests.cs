using Brownian.Models.Families;
using Brownian.Requests;
using Brownian.Requests.Schema;
using Brownian.Tests.Programs;
using Brownian.V1;
using Google.Protobuf.Reflection;

namespace Brownian.Architecture.Tests;

/// <summary>The request's page, its JSON Schema and its message have the fields of <see cref="RequestSchema"/>.</summary>
public sealed class RequestTests
{
    [Fact]
    public void Reference_page_is_what_the_program_writes() => AssertFile("reference", "request.md", RequestReference.ToMarkdown());

    [Fact]
    public void Json_schema_is_what_the_program_writes() => AssertFile("schema", "request.schema.json", RequestSchema.ToJsonSchemaText());

    [Fact]
    public void Message_has_every_field_with_its_type_and_no_other()
    {
        // A message cannot have a field of two types: these are the second one's.
        string[] second = ["models", "timesteps_name"];

        Assert.Equal(
            RequestSchema.All.Select(field => $"{field.Name} {TypeOf(field.Declared)}").Order(StringComparer.Ordinal),
            GenerateRequest.Descriptor.Fields.InDeclarationOrder().Where(field => !second.Contains(field.Name))
                .Select(field => $"{field.Name} {TypeOf(field)}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Messages_of_objects_have_every_field_with_its_type_and_no_other() => Assert.All(
        RequestSchema.Request.All.Where(field => field.Declared is ObjectFieldAttribute),
        field =>
        {
            MessageDescriptor message = GenerateRequest.Descriptor.FindFieldByName(field.Name).MessageType;
            if (message.FullName != Google.Protobuf.WellKnownTypes.Struct.Descriptor.FullName)
            {
                Assert.Equal(
                    ((ObjectFieldAttribute)field.Declared).Fields.All.Select(inner => $"{inner.Name} {TypeOf(inner.Declared)}"),
                    message.Fields.InDeclarationOrder().Select(inner => $"{inner.Name} {TypeOf(inner)}"));
            }
        });

    private static void AssertFile(string command, string file, string expected) =>
        Assert.True(
            Repository.Read("docs", file) == expected, $"docs/{file} is not what the program writes; run: brownian request {command} > docs/{file}");

    private static string TypeOf(RequestFieldAttribute declared) => declared switch
    {
        NumberFieldAttribute => "double",
        IntegerFieldAttribute => "int32",
        SeedFieldAttribute => "uint64",
        BooleanFieldAttribute => "bool",
        TextFieldAttribute or ChoiceFieldAttribute => "string",
        TextListFieldAttribute => "list of string",
        NumberListFieldAttribute or TimestepsFieldAttribute or IntervalFieldAttribute => "list of double",
        SeedListFieldAttribute => "list of uint64",
        PairFieldAttribute => "list of int32",
        FileListFieldAttribute => "list of message",
        ObjectFieldAttribute or SchedulerFieldAttribute or BlockFieldAttribute or TimeFieldAttribute => "message",
        TextMapFieldAttribute => "map",
        _ => declared.GetType().Name,
    };

    private static string TypeOf(FieldDescriptor field) =>
        field.IsMap ? "map" : (field.IsRepeated ? "list of " : "") + field.FieldType.ToString().ToLowerInvariant();
}
