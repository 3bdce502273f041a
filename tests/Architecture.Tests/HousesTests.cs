using System.Reflection;
using ArchUnitNET.Domain;
using ArchUnitNET.Fluent;
using ArchUnitNET.Loader;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace Brownian.Architecture.Tests;

/// <summary>Dependencies point one way: Diffusion, Inference, the programs.</summary>
public sealed class HousesTests
{
    private static readonly System.Reflection.Assembly Diffusion = typeof(Scheduler).Assembly;
    private static readonly System.Reflection.Assembly Inference = typeof(ImageGenerator).Assembly;
    private static readonly System.Reflection.Assembly Cli = System.Reflection.Assembly.Load("brownian");
    private static readonly ArchUnitNET.Domain.Architecture Code = new ArchLoader().LoadAssemblies(Diffusion, Inference, Cli).Build();

    [Fact]
    public void Diffusion_knows_neither_files_nor_sessions_nor_pictures()
    {
        string[] allowed = ["System", "netstandard"];
        Assert.All(Diffusion.GetReferencedAssemblies(), reference => Assert.Contains(allowed, prefix => reference.Name!.StartsWith(prefix, StringComparison.Ordinal)));
        HasNoViolation(Types().That().ResideInAssembly(Diffusion).Should().NotDependOnAny(typeof(File), typeof(Directory), typeof(FileStream), typeof(Console), typeof(Environment)));
    }

    [Fact]
    public void Inference_does_not_know_the_programs() =>
        HasNoViolation(Types().That().ResideInAssembly(Inference).Should().NotDependOnAny(Types().That().ResideInAssembly(Cli)));

    [Fact]
    public void Only_inference_runs_graphs_and_reads_tokenizers()
    {
        string[] owned = ["Microsoft.ML.OnnxRuntime", "Microsoft.ML.Tokenizers", "SkiaSharp"];
        Assert.All(owned, name => Assert.Contains(Inference.GetReferencedAssemblies(), reference => reference.Name == name));
        Assert.DoesNotContain(Cli.GetReferencedAssemblies(), reference => owned.Contains(reference.Name));
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
        Assert.DoesNotContain(
            (Type[])[.. Diffusion.GetTypes(), .. Inference.GetTypes(), .. Cli.GetTypes()],
            type => vague.Any(word => type.Name.EndsWith(word, StringComparison.Ordinal) || (type.Namespace ?? "").Split('.').Contains(word)));
    }

    private static void HasNoViolation(IArchRule rule) =>
        Assert.True(rule.HasNoViolations(Code), string.Join('\n', rule.Evaluate(Code).Where(result => !result.Passed).Select(result => result.Description)));
}
