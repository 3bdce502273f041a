using System.Xml.Linq;
using ArchUnitNET.Fluent.Syntax.Elements.Types;
using ArchUnitNET.Loader;
using Brownian.Diffusion.Schedulers;
using Brownian.Tests.Programs;
using static ArchUnitNET.Fluent.ArchRuleDefinition;
using Assembly = System.Reflection.Assembly;
using Type = System.Type;

namespace Brownian.Architecture.Tests;

/// <summary>
/// Dependencies point one way: an assembly references those below it alone, and within an assembly no two folders depend on each other. What a
/// rule forbids is seen where it is allowed, so that a rule that sees nothing fails.
/// </summary>
public sealed class LayersTests
{
    /// <summary>Every assembly of services and protos, with those that it may reference.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Protos"] = [],
        ["Contracts"] = [],
        ["Client"] = ["Protos"],
        ["Diffusion"] = [],
        ["Formats"] = [],
        ["Requests"] = ["Diffusion", "Formats"],
        ["Tokenizers"] = ["Formats"],
        ["Models"] = ["Diffusion", "Formats", "Requests"],
        ["Adapters"] = ["Diffusion", "Formats", "Models", "Requests", "Tokenizers"],
        ["Imaging"] = ["Formats", "Requests"],
        ["Inference"] = ["Adapters", "Diffusion", "Formats", "Imaging", "Models", "Requests", "Tokenizers"],
        ["Jobs"] = ["Adapters", "Contracts", "Diffusion", "Formats", "Models", "Protos", "Requests"],
        ["Jobs.Redis"] = ["Adapters", "Jobs", "Models", "Protos"],
        ["Jobs.RabbitMq"] = ["Contracts", "Jobs"],
        ["Jobs.Sqlite"] = ["Jobs", "Protos"],
        ["Hosting"] = ["Adapters", "Diffusion", "Formats", "Jobs", "Jobs.RabbitMq", "Jobs.Redis", "Jobs.Sqlite", "Models"],
        ["Workers"] = ["Adapters", "Diffusion", "Formats", "Hosting", "Inference", "Jobs", "Models", "Protos", "Requests"],
        ["Gateway"] = ["Adapters", "Diffusion", "Formats", "Hosting", "Jobs", "Models", "Protos", "Requests"],
        ["TextEncoder"] = StageService,
        ["Denoiser"] = StageService,
        ["VaeDecoder"] = StageService,
        ["Cli"] =
        [
            "Adapters", "Client", "Denoiser", "Diffusion", "Formats", "Gateway", "Hosting", "Imaging", "Inference", "Jobs", "Models", "Protos",
            "Requests", "TextEncoder", "VaeDecoder",
        ],
    };

    private static readonly Dictionary<string, Assembly> Assemblies =
        Allowed.Keys.ToDictionary(name => name, name => Assembly.Load(name == "Cli" ? "brownian" : "Brownian." + name), StringComparer.Ordinal);

    private static readonly ArchUnitNET.Domain.Architecture Code = new ArchLoader().LoadAssemblies([.. Assemblies.Values]).Build();

    /// <summary>What each of the stage services may reference.</summary>
    private static string[] StageService =>
        ["Adapters", "Diffusion", "Formats", "Hosting", "Imaging", "Inference", "Jobs", "Models", "Protos", "Requests", "Workers"];

    /// <summary>The assemblies, for theories.</summary>
    public static TheoryData<string> Names => [.. Allowed.Keys];

    /// <summary>Libraries that one assembly alone may use.</summary>
    public static TheoryData<string, string> Owners => new()
    {
        { "Microsoft.ML.OnnxRuntime", "Inference" },
        { "SkiaSharp", "Imaging" },
        { "Microsoft.ML.Tokenizers", "Tokenizers" },
        { "StackExchange.Redis", "Jobs.Redis" },
        { "DistributedLock.Redis", "Jobs.Redis" },
        { "RabbitMQ.Client", "Jobs.RabbitMq" },
        { "MassTransit", "Jobs.RabbitMq" },
        { "Microsoft.Data.Sqlite", "Jobs.Sqlite" },
        { "System.CommandLine", "Cli" },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Assembly_references_only_those_that_it_may(string name)
    {
        // A reference that nothing uses is not written into an assembly: this sees what is used.
        string[] used = [.. Assemblies[name].GetReferencedAssemblies().Select(reference => reference.Name!).Where(IsOwn).Select(Short)];

        Assert.Empty(used.Except(Allowed[name]));
        Assert.True(used.Length > 0 || Allowed[name].Length == 0, $"{name} uses none of {string.Join(", ", Allowed[name])}");
    }

    [Fact]
    public void Every_project_of_services_is_held_by_a_rule() => Assert.Equal(
        Allowed.Keys.Append("AppHost").Order(StringComparer.Ordinal),
        Directory.GetFiles(Repository.Combine("services"), "*.csproj", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension)
            .Append("Protos").Order(StringComparer.Ordinal));

    [Fact]
    public void Every_assembly_has_a_project_of_tests()
    {
        // The three stage services hold a Program and a registration each; Platform.Tests runs them.
        string[] programs = ["Denoiser", "TextEncoder", "VaeDecoder"];

        Assert.All(
            Allowed.Keys.Except(programs),
            name => Assert.True(File.Exists(Repository.Combine("tests", name + ".Tests", name + ".Tests.csproj")), name + " has no tests"));
        Assert.All(programs, name => Assert.InRange(Directory.GetFiles(Repository.Combine("services", name), "*.cs").Length, 1, 4));
    }

    [Theory]
    [MemberData(nameof(Owners))]
    public void Library_is_known_to_one_assembly(string library, string owner)
    {
        Assert.Equal([owner], Allowed.Keys.Where(name => Assemblies[name].GetReferencedAssemblies().Any(IsIt)));

        bool IsIt(System.Reflection.AssemblyName reference) =>
            reference.Name == library || (library == "MassTransit" && reference.Name!.StartsWith("MassTransit", StringComparison.Ordinal));
    }

    [Fact]
    public void MassTransit_is_known_to_the_commands_and_the_events_alone()
    {
        // Files rather than types: what the compiler makes of a method is a type of its own.
        string[] files =
        [
            .. Directory.GetFiles(Repository.Combine("services"), "*.cs", SearchOption.AllDirectories)
                .Where(file => File.ReadAllText(file).Contains("using MassTransit", StringComparison.Ordinal))
                .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(["MassTransitBroadcasts.cs", "MassTransitBus.cs", "MassTransitEvents.cs", "MassTransitWorkerCommand.cs"], files);
    }

    [Theory]
    [InlineData("Gateway", false)]
    [InlineData("Denoiser", true)]
    public void Gateway_carries_neither_ONNX_Runtime_nor_Skia(string service, bool carries)
    {
        string libraries = File.ReadAllText(Repository.Combine("artifacts", "bin", service, "release", $"Brownian.{service}.deps.json"));

        Assert.Equal(carries, libraries.Contains("libonnxruntime", StringComparison.Ordinal));
        Assert.Equal(carries, libraries.Contains("libSkiaSharp", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Folders_of_an_assembly_depend_on_each_other_in_one_direction(string name)
    {
        if (name is "Protos")
        {
            // One folder, of generated code.
            return;
        }
        Assert.Empty(FolderDependencies.Cycles(FolderDependencies.Of(Code, Assemblies[name])));
    }

    [Fact]
    public void Folders_that_depend_on_each_other_are_found()
    {
        // What is seen of real folders, and a dependency back.
        List<(string From, string To)> seen = [.. FolderDependencies.Of(Code, Assemblies["Models"])];
        Assert.Contains(("Brownian.Models.Facts", "Brownian.Models.Folders"), seen);
        seen.Add(("Brownian.Models.Folders", "Brownian.Models.Facts"));

        Assert.Equal(["Brownian.Models.Facts", "Brownian.Models.Folders"], FolderDependencies.Cycles(seen));
    }

    [Fact]
    public void Diffusion_knows_neither_files_nor_sessions_nor_pictures()
    {
        string[] allowed = ["System", "netstandard"];
        Assert.All(
            Assemblies["Diffusion"].GetReferencedAssemblies(), reference =>
                Assert.Contains(allowed, prefix => reference.Name!.StartsWith(prefix, StringComparison.Ordinal)));
        Type[] outside = [typeof(File), typeof(Directory), typeof(FileStream), typeof(Console), typeof(Environment)];
        HasNoViolation(Types().That().ResideInAssembly(Assemblies["Diffusion"]).Should().NotDependOnAny(outside));
        Assert.False(
            Types().That().ResideInAssembly(Assemblies["Models"]).Should().NotDependOnAny(outside).HasNoViolations(Code),
            "the rule does not see what it forbids");
    }

    [Fact]
    public void Project_of_a_service_names_no_other_service()
    {
        string[] services = ["Denoiser", "Gateway", "TextEncoder", "VaeDecoder"];
        Assert.All(services, service => Assert.DoesNotContain(ProjectsIn(service), named => services.Contains(named) || named == "Cli"));
        Assert.Equal(services, ProjectsIn("Cli").Intersect(services).Order(StringComparer.Ordinal));
        Assert.Equal(["Protos"], ProjectsIn("Shared/Client"));
        Assert.Empty(ProjectsIn("Shared/Contracts"));
    }

    [Fact]
    public void Example_references_what_is_published_alone() =>
        Assert.All(
            Directory.GetFiles(Repository.Combine("examples"), "*.csproj", SearchOption.AllDirectories),
            project => Assert.Empty(ProjectsOf(project).Except(["Client", "Contracts"])));

    [Fact]
    public void Every_scheduler_class_is_in_the_catalogue_under_a_name_of_its_own()
    {
        Type[] classes = [.. Assemblies["Diffusion"].GetTypes().Where(type => type.IsSubclassOf(typeof(Scheduler)) && !type.IsAbstract)];
        Assert.Equal(classes.Length, SchedulerCatalog.Classes.Count);
        Assert.Equal(SchedulerCatalog.Classes.Count, SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName).Distinct().Count());
        Assert.Equal(SchedulerCatalog.Names.Count, SchedulerCatalog.Names.Select(name => name.Name).Distinct().Count());
        Assert.All(SchedulerCatalog.Names, name => Assert.Contains(SchedulerCatalog.Classes, descriptor => descriptor.ClassName == name.ClassName));
    }

    [Fact]
    public void No_type_is_named_for_what_it_is_not()
    {
        string[] vague = ["Utils", "Utilities", "Helper", "Helpers", "Common", "Manager", "Misc"];
        Type[] own =
        [
            .. Assemblies.Values.SelectMany(assembly => assembly.GetTypes())
                .Where(type => type.Namespace?.StartsWith("Brownian", StringComparison.Ordinal) == true)
        ];
        Assert.DoesNotContain(
            own,
            type => vague.Any(word => type.Name.EndsWith(word, StringComparison.Ordinal) || (type.Namespace ?? "").Split('.').Contains(word)));
    }

    private static bool IsOwn(string assembly) => assembly == "brownian" || assembly.StartsWith("Brownian.", StringComparison.Ordinal);

    private static string Short(string assembly) => assembly == "brownian" ? "Cli" : assembly["Brownian.".Length..];

    private static string[] ProjectsIn(string folder) => ProjectsOf(Directory.GetFiles(Repository.Combine("services", folder), "*.csproj").Single());

    private static string[] ProjectsOf(string project) =>
    [
        .. XDocument.Load(project).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)),
    ];

    private static void HasNoViolation(TypesShouldConjunction rule) =>
        Assert.True(
            rule.HasNoViolations(Code), string.Join('\n', rule.Evaluate(Code).Where(result => !result.Passed).Select(result => result.Description)));
}
