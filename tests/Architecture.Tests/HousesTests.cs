using ArchUnitNET.Fluent.Syntax.Elements.Types;
using ArchUnitNET.Loader;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference;
using static ArchUnitNET.Fluent.ArchRuleDefinition;
using Assembly = System.Reflection.Assembly;
using Type = System.Type;

namespace Brownian.Architecture.Tests;

/// <summary>Dependencies point one way: Diffusion, Inference, the programs.</summary>
public sealed class HousesTests
{
    private static readonly Assembly Diffusion = typeof(Scheduler).Assembly;
    private static readonly Assembly Inference = typeof(ImageGenerator).Assembly;
    private static readonly Assembly Cli = Assembly.Load("brownian");
    private static readonly ArchUnitNET.Domain.Architecture Code = new ArchLoader().LoadAssemblies(Diffusion, Inference, Cli).Build();

    [Fact]
    public void Diffusion_knows_neither_files_nor_sessions_nor_pictures()
    {
        string[] allowed = ["System", "netstandard"];
        Assert.All(Diffusion.GetReferencedAssemblies(), reference => Assert.Contains(allowed, prefix => reference.Name!.StartsWith(prefix, StringComparison.Ordinal)));
        Type[] outside = [typeof(File), typeof(Directory), typeof(FileStream), typeof(Console), typeof(Environment)];
        HasNoViolation(Types().That().ResideInAssembly(Diffusion).Should().NotDependOnAny(outside));
        Assert.False(Types().That().ResideInAssembly(Inference).Should().NotDependOnAny(outside).HasNoViolations(Code), "the rule does not see what it forbids");
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
        Type[] own = [.. ((Assembly[])[Diffusion, Inference, Cli]).SelectMany(assembly => assembly.GetTypes()).Where(type => type.Namespace?.StartsWith("Brownian", StringComparison.Ordinal) == true)];
        Assert.DoesNotContain(
            own,
            type => vague.Any(word => type.Name.EndsWith(word, StringComparison.Ordinal) || (type.Namespace ?? "").Split('.').Contains(word)));
    }

    private static void HasNoViolation(TypesShouldConjunction rule) =>
        Assert.True(rule.HasNoViolations(Code), string.Join('\n', rule.Evaluate(Code).Where(result => !result.Passed).Select(result => result.Description)));
}
