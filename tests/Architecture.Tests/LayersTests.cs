using System.Xml.Linq;
using ArchUnitNET.Fluent.Syntax.Elements.Types;
using ArchUnitNET.Loader;
using Brownian.Client;
using Brownian.Contracts;
using Brownian.Denoiser;
using Brownian.Diffusion.Schedulers;
using Brownian.Gateway;
using Brownian.Inference;
using Brownian.Platform.Hosting;
using Brownian.Tests.Programs;
using Brownian.TextEncoder;
using Brownian.V1;
using Brownian.VaeDecoder;
using static ArchUnitNET.Fluent.ArchRuleDefinition;
using Assembly = System.Reflection.Assembly;
using Type = System.Type;

namespace Brownian.Architecture.Tests;

/// <summary>Dependencies point one way: Diffusion, Inference, Platform, the services, the programs.</summary>
public sealed class LayersTests
{
    private static readonly Assembly Diffusion = typeof(Scheduler).Assembly;
    private static readonly Assembly Inference = typeof(ImageGenerator).Assembly;
    private static readonly Assembly Cli = Assembly.Load("brownian");
    private static readonly Assembly Protos = typeof(GenerateRequest).Assembly;
    private static readonly Assembly Client = typeof(BrownianClient).Assembly;
    private static readonly Assembly Contracts = typeof(JobEnded).Assembly;
    private static readonly Assembly Platform = typeof(PlatformOptions).Assembly;
    private static readonly Assembly[] Services =
        [typeof(GatewayExtensions).Assembly, typeof(TextEncoderExtensions).Assembly, typeof(DenoiserExtensions).Assembly,
            typeof(VaeDecoderExtensions).Assembly];

    private static readonly Assembly[] All = [Diffusion, Inference, Protos, Client, Contracts, Platform, .. Services, Cli];

    private static readonly ArchUnitNET.Domain.Architecture Code = new ArchLoader().LoadAssemblies(All).Build();

    [Fact]
    public void Diffusion_knows_neither_files_nor_sessions_nor_pictures()
    {
        string[] allowed = ["System", "netstandard"];
        Assert.All(
            Diffusion.GetReferencedAssemblies(), reference =>
                Assert.Contains(allowed, prefix => reference.Name!.StartsWith(prefix, StringComparison.Ordinal)));
        Type[] outside = [typeof(File), typeof(Directory), typeof(FileStream), typeof(Console), typeof(Environment)];
        HasNoViolation(Types().That().ResideInAssembly(Diffusion).Should().NotDependOnAny(outside));
        Assert.False(
            Types().That().ResideInAssembly(Inference).Should().NotDependOnAny(outside).HasNoViolations(Code),
            "the rule does not see what it forbids");
    }

    [Fact]
    public void Inference_does_not_know_the_programs() =>
        HasNoViolation(Types().That().ResideInAssembly(Inference).Should().NotDependOnAny(Types().That().ResideInAssembly(Cli)));

    [Fact]
    public void Layer_references_only_layers_below_it()
    {
        // A reference that nothing uses is not written into an assembly: this sees what is used.
        Dictionary<Assembly, Assembly[]> allowed = new()
        {
            [Diffusion] = [],
            [Inference] = [Diffusion],
            [Protos] = [],
            [Client] = [Protos],
            [Contracts] = [],
            [Platform] = [Diffusion, Inference, Protos, Contracts],
        };
        foreach (Assembly service in Services)
        {
            allowed[service] = [Diffusion, Inference, Protos, Platform];
        }
        Assert.All(allowed, layer => Assert.Empty(OwnReferences(layer.Key).Except(layer.Value.Select(NameOf))));
        // What the rule would forbid is seen where it is allowed.
        Assert.Contains(NameOf(Inference), OwnReferences(Platform));
        Assert.Contains(NameOf(Contracts), OwnReferences(Platform));
        Assert.All(Services, service => Assert.Contains(NameOf(Platform), OwnReferences(service)));
        Assert.All(Services, service => Assert.Contains(NameOf(service), OwnReferences(Cli)));
    }

    [Fact]
    public void No_project_of_a_service_names_another()
    {
        string[] projects = [.. Services.Select(service => NameOf(service)["Brownian.".Length..])];
        Assert.All(projects, project => Assert.DoesNotContain(ProjectsIn(project), named => projects.Contains(named) || named == "Cli"));
        Assert.Equal(projects.Order(StringComparer.Ordinal), ProjectsIn("Cli").Intersect(projects).Order(StringComparer.Ordinal));
        Assert.Equal(["Protos"], ProjectsIn("Shared/Client"));
        Assert.Empty(ProjectsIn("Shared/Contracts"));
    }

    [Fact]
    public void An_example_is_what_anybody_could_write() =>
        Assert.All(
            Directory.GetFiles(Repository.Combine("examples"), "*.csproj", SearchOption.AllDirectories),
            project => Assert.Empty(ProjectsOf(project).Except(["Client", "Contracts"])));

    [Fact]
    public void Only_the_broadcasts_and_the_events_know_MassTransit()
    {
        Assert.All(All.Where(assembly => assembly != Platform), assembly => Assert.DoesNotContain(assembly.GetReferencedAssemblies(), IsMassTransit));
        Assert.Contains(Platform.GetReferencedAssemblies(), IsMassTransit);
        // Files rather than types: what the compiler makes of a method is a type of its own.
        string[] files =
        [
            .. Directory.GetFiles(Repository.Combine("services"), "*.cs", SearchOption.AllDirectories)
                .Where(file => File.ReadAllText(file).Contains("using MassTransit", StringComparison.Ordinal))
                .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(["MassTransitBroadcasts.cs", "MassTransitBus.cs", "MassTransitEvents.cs"], files);

        static bool IsMassTransit(System.Reflection.AssemblyName reference) => reference.Name!.StartsWith("MassTransit", StringComparison.Ordinal);
    }

    [Fact]
    public void Only_inference_runs_graphs_and_reads_tokenizers()
    {
        string[] owned = ["Microsoft.ML.OnnxRuntime", "Microsoft.ML.Tokenizers", "SkiaSharp"];
        Assert.All(owned, name => Assert.Contains(Inference.GetReferencedAssemblies(), reference => reference.Name == name));
        Assert.All(
            All.Where(assembly => assembly != Inference), assembly =>
                Assert.DoesNotContain(assembly.GetReferencedAssemblies(), reference => owned.Contains(reference.Name)));
    }

    [Fact]
    public void Every_scheduler_class_is_in_the_catalogue_under_a_name_of_its_own()
    {
        Type[] classes = [.. Diffusion.GetTypes().Where(type => type.IsSubclassOf(typeof(Scheduler)) && !type.IsAbstract)];
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
            .. All.SelectMany(assembly => assembly.GetTypes()).Where(type => type.Namespace?.StartsWith("Brownian", StringComparison.Ordinal) == true)
        ];
        Assert.DoesNotContain(
            own,
            type => vague.Any(word => type.Name.EndsWith(word, StringComparison.Ordinal) || (type.Namespace ?? "").Split('.').Contains(word)));
    }

    private static string NameOf(Assembly assembly) => assembly.GetName().Name!;

    private static IEnumerable<string> OwnReferences(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(reference => reference.Name!).Where(name => All.Any(own => NameOf(own) == name));

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
