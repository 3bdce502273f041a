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
    public void The_reference_page_equals_the_programs_output() => AssertFile("reference", "request.md", RequestReference.ToMarkdown());

    [Fact]
    public void The_json_schema_equals_the_programs_output() => AssertFile("schema", "request.schema.json", RequestSchema.ToJsonSchemaText());

    [Fact]
    public void The_message_has_exactly_the_fields_of_a_request_with_their_types()
    {
        // A message field has one type: these fields hold the second type of another field.
        string[] second = ["models", "timesteps_name"];

        Assert.Equal(
            RequestSchema.All.Select(field => $"{field.Name} {TypeOf(field.Declared)}").Order(StringComparer.Ordinal),
            GenerateRequest.Descriptor.Fields.InDeclarationOrder().Where(field => !second.Contains(field.Name))
                .Select(field => $"{field.Name} {TypeOf(field)}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_messages_of_objects_have_exactly_their_fields_with_their_types() => Assert.All(
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
