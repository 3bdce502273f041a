using System.Text.RegularExpressions;
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
/// Dependencies go one way: an assembly references only those below it, and the folders of an assembly have no cycles. Each rule is also checked
/// with a case that breaks it, so that a rule that finds nothing fails.
/// </summary>
public sealed partial class LayersTests
{
    /// <summary>Every assembly of services and protos, with the assemblies that it may reference.</summary>
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
        ["Import"] = ["Adapters", "Formats", "Models"],
        ["Imaging"] = ["Formats", "Requests"],
        ["Inference"] = ["Adapters", "Diffusion", "Formats", "Imaging", "Models", "Requests", "Tokenizers"],
        ["Jobs"] = ["Adapters", "Contracts", "Diffusion", "Formats", "Models", "Protos", "Requests"],
        ["Jobs.Redis"] = ["Adapters", "Jobs", "Models", "Protos"],
        ["Jobs.RabbitMq"] = ["Contracts", "Jobs"],
        ["Jobs.Sqlite"] = ["Jobs", "Protos"],
        ["Hosting"] = ["Adapters", "Diffusion", "Formats", "Jobs", "Jobs.RabbitMq", "Jobs.Redis", "Jobs.Sqlite", "Models"],
        ["Kubernetes"] = ["Diffusion", "Formats", "Hosting", "Jobs"],
        ["Workers"] = ["Adapters", "Diffusion", "Formats", "Hosting", "Inference", "Jobs", "Kubernetes", "Models", "Protos", "Requests"],
        ["Gateway"] = ["Adapters", "Diffusion", "Formats", "Hosting", "Jobs", "Models", "Protos", "Requests"],
        ["TextEncoder"] = StageService,
        ["Denoiser"] = StageService,
        ["VaeDecoder"] = StageService,
        ["Cli"] =
        [
            "Adapters", "Client", "Denoiser", "Diffusion", "Formats", "Gateway", "Hosting", "Imaging", "Import", "Inference", "Jobs", "Models",
            "Protos", "Requests", "TextEncoder", "VaeDecoder",
        ],
    };

    private static readonly Dictionary<string, Assembly> Assemblies =
        Allowed.Keys.ToDictionary(name => name, name => Assembly.Load(name == "Cli" ? "brownian" : "Brownian." + name), StringComparer.Ordinal);

    private static readonly ArchUnitNET.Domain.Architecture Code = new ArchLoader().LoadAssemblies([.. Assemblies.Values]).Build();

    /// <summary>The assemblies that each of the stage services may reference.</summary>
    private static string[] StageService =>
        ["Adapters", "Diffusion", "Formats", "Hosting", "Imaging", "Inference", "Jobs", "Models", "Protos", "Requests", "Workers"];

    /// <summary>The assemblies, for theories.</summary>
    public static TheoryData<string> Names => [.. Allowed.Keys];

    /// <summary>Libraries that only one assembly may use.</summary>
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
        { "KubernetesClient", "Kubernetes" },
        { "System.CommandLine", "Cli" },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void An_assembly_references_only_the_allowed_assemblies(string name)
    {
        // The compiler writes only used references into an assembly.
        string[] used = [.. Assemblies[name].GetReferencedAssemblies().Select(reference => reference.Name!).Where(IsOwn).Select(Short)];

        Assert.Empty(used.Except(Allowed[name]));
        Assert.True(used.Length > 0 || Allowed[name].Length == 0, $"{name} uses none of {string.Join(", ", Allowed[name])}");
    }

    [Fact]
    public void A_reference_that_is_not_allowed_is_found()
    {
        string[] used = [.. Assemblies["Workers"].GetReferencedAssemblies().Select(reference => reference.Name!).Where(IsOwn).Select(Short)];

        Assert.Equal(["Inference", "Kubernetes"], used.Except(Allowed["Gateway"]).Except(["Contracts"]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_app_host_starts_the_services_as_programs_and_links_none_of_them() => Assert.All(
        XDocument.Load(Repository.Combine("services", "AppHost", "AppHost.csproj")).Descendants("ProjectReference"),
        reference => Assert.Contains(
            Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value), (string[])["Gateway", "TextEncoder", "Denoiser", "VaeDecoder"]));

    [Fact]
    public void Every_project_of_services_has_a_rule() => Assert.Equal(
        Allowed.Keys.Append("AppHost").Order(StringComparer.Ordinal),
        Directory.GetFiles(Repository.Combine("services"), "*.csproj", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension)
            .Append("Protos").Order(StringComparer.Ordinal));

    [Fact]
    public void Every_assembly_has_a_project_of_tests()
    {
        // The three stage services have a Program, a registration and the service of version 0.1 each; Platform.Tests runs them.
        string[] programs = ["Denoiser", "TextEncoder", "VaeDecoder"];

        Assert.All(
            Allowed.Keys.Except(programs),
            name => Assert.True(File.Exists(Repository.Combine("tests", name + ".Tests", name + ".Tests.csproj")), name + " has no tests"));
        Assert.All(programs, name => Assert.InRange(Directory.GetFiles(Repository.Combine("services", name), "*.cs").Length, 1, 4));
    }

    [Theory]
    [MemberData(nameof(Owners))]
    public void A_library_is_referenced_by_one_assembly_only(string library, string owner)
    {
        Assert.Equal([owner], Allowed.Keys.Where(name => Assemblies[name].GetReferencedAssemblies().Any(IsLibrary)));

        bool IsLibrary(System.Reflection.AssemblyName reference) =>
            reference.Name == library || (library == "MassTransit" && reference.Name!.StartsWith("MassTransit", StringComparison.Ordinal));
    }

    [Fact]
    public void MassTransit_is_used_only_by_the_commands_and_the_events()
    {
        Assert.Matches(NamesMassTransit(), "using MassTransit;");
        Assert.Matches(NamesMassTransit(), "    private readonly global::MassTransit.IBus _bus;");
        Assert.DoesNotMatch(NamesMassTransit(), "    // MassTransit. sends it.");
        // Files rather than types, because the compiler makes further types from methods.
        string[] files =
        [
            .. Directory.GetFiles(Repository.Combine("services"), "*.cs", SearchOption.AllDirectories)
                .Where(file => NamesMassTransit().IsMatch(File.ReadAllText(file)))
                .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(["MassTransitBroadcasts.cs", "MassTransitBus.cs", "MassTransitEvents.cs", "MassTransitWorkerCommand.cs"], files);
    }

    [Theory]
    [InlineData("Gateway", false)]
    [InlineData("Denoiser", true)]
    public void A_gateway_is_published_without_ONNX_Runtime_and_Skia(string service, bool carries)
    {
        string libraries = File.ReadAllText(Repository.Combine("artifacts", "bin", service, "release", $"Brownian.{service}.deps.json"));

        Assert.Equal(carries, libraries.Contains("libonnxruntime", StringComparison.Ordinal));
        Assert.Equal(carries, libraries.Contains("libSkiaSharp", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_folders_of_an_assembly_have_no_cyclic_dependencies(string name)
    {
        if (name is "Protos")
        {
            // It has one folder, of generated code.
            return;
        }
        Assert.Empty(FolderDependencies.Cycles(FolderDependencies.Of(Code, Assemblies[name])));
    }

    [Fact]
    public void Cyclic_dependencies_of_folders_are_found()
    {
        // The dependencies of real folders, and one in the opposite direction.
        List<(string From, string To)> seen = [.. FolderDependencies.Of(Code, Assemblies["Models"])];
        Assert.Contains(("Brownian.Models.Facts", "Brownian.Models.Folders"), seen);
        seen.Add(("Brownian.Models.Folders", "Brownian.Models.Facts"));

        Assert.Equal(["Brownian.Models.Facts", "Brownian.Models.Folders"], FolderDependencies.Cycles(seen));
    }

    [Fact]
    public void Diffusion_depends_on_no_files_sessions_or_images()
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
    public void The_project_of_a_service_references_no_other_service()
    {
        string[] services = ["Denoiser", "Gateway", "TextEncoder", "VaeDecoder"];
        Assert.All(services, service => Assert.DoesNotContain(ProjectsIn(service), named => services.Contains(named) || named == "Cli"));
        Assert.Equal(services, ProjectsIn("Cli").Intersect(services).Order(StringComparer.Ordinal));
        Assert.Equal(["Protos"], ProjectsIn("Shared/Client"));
        Assert.Empty(ProjectsIn("Shared/Contracts"));
    }

    [Fact]
    public void An_example_references_only_published_packages() =>
        Assert.All(
            Directory.GetFiles(Repository.Combine("examples"), "*.csproj", SearchOption.AllDirectories),
            project => Assert.Empty(ProjectsOf(project).Except(["Client", "Contracts"])));

    [Fact]
    public void Every_scheduler_class_is_in_the_catalogue_under_a_name_of_its_own()
    {
        Type[] classes = [.. Assemblies["Diffusion"].GetTypes().Where(type => type.IsSubclassOf(typeof(Scheduler)) && !type.IsAbstract)];
        // A scheduler that is missing here must be added to SchedulerCatalog.Classes.
        Assert.Equal(
            classes.Select(type => type.Name.ToUpperInvariant()).Order(StringComparer.Ordinal),
            SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName.ToUpperInvariant()).Order(StringComparer.Ordinal));
        Assert.Contains($"| Schedulers | {classes.Length} classes of diffusers", Repository.Read("README.md"), StringComparison.Ordinal);
        Assert.Equal(SchedulerCatalog.Classes.Count, SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName).Distinct().Count());
        Assert.Equal(SchedulerCatalog.Names.Count, SchedulerCatalog.Names.Select(name => name.Name).Distinct().Count());
        Assert.All(SchedulerCatalog.Names, name => Assert.Contains(SchedulerCatalog.Classes, descriptor => descriptor.ClassName == name.ClassName));
    }

    [Fact]
    public void No_type_or_namespace_has_a_vague_name()
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

    [GeneratedRegex(@"^(?!\s*//).*\bMassTransit(\.|;)", RegexOptions.Multiline)]
    private static partial Regex NamesMassTransit();

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
