using Brownian.V1;
using Google.Protobuf.Reflection;

namespace Brownian.Protos.Tests;

/// <summary>
/// docs/api.md has every call and field. After a change of the protos, this class run with <c>BROWNIAN_WRITE_CONTRACT=1</c> in the environment writes
/// it.
/// </summary>
public sealed class ApiReferenceTests
{
    private const string Variable = "BROWNIAN_WRITE_CONTRACT";

    private static readonly string Page = Repository.Combine("docs", "api.md");

    private static readonly FileDescriptor[] Files =
        [GenerationReflection.Descriptor, ModelsReflection.Descriptor, AccessReflection.Descriptor, WorkersReflection.Descriptor];

    [Fact]
    public void The_page_is_the_one_of_the_protos()
    {
        string page = ApiReference.Write(Files);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            File.WriteAllText(Page, page);
        }
        Assert.Equal(page, File.ReadAllText(Page));
    }

    [Fact]
    public void A_comment_belongs_to_what_it_stands_before()
    {
        Dictionary<string, string> comments = ProtoComments.Read(Repository.Combine("protos", GenerationReflection.Descriptor.Name));
        Assert.Equal("Returns a job.", comments["brownian.v1.Generation.Get"]);
        Assert.Equal("interactive, standard or batch.", comments["brownian.v1.Job.priority"]);
        Assert.StartsWith("The number of jobs before a job", comments["brownian.v1.Job.jobs_before"], StringComparison.Ordinal);
        Assert.Contains("task", ((string[])[.. comments.Keys]).Select(name => name.Split('.')[^1]));
    }
}
