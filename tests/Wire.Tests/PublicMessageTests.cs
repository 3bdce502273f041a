using System.Collections;
using Brownian.Gateway.Catalog;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using Brownian.Models.Plans;
using Brownian.V1;
using Brownian.Workers.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Brownian.Wire.Tests;

/// <summary>
/// Every field of the messages that the public API answers with is set from what the platform stores. A field that is added to a message but not to
/// its conversion fails here, and so does a value of an enum without its name on the wire.
/// </summary>
public sealed class PublicMessageTests
{
    [Fact]
    public void A_running_and_a_failed_job_set_every_field_of_its_message()
    {
        var filled = new Filled(Values());
        JobDefinition definition = filled.Of<JobDefinition>();
        JobRecord record = filled.Of<JobRecord>() with { Stage = 0 };

        Job running = JobMessages.ToMessage(new StoredJob(definition, record with { Phase = JobPhase.Running }, 1));
        Job failed = JobMessages.ToMessage(new StoredJob(definition, record with { Phase = JobPhase.Failed }, 1));

        // The gateway adds the estimate and the place in the queue, which are no part of the job.
        Assert.Equal(["estimated_work", "jobs_before"], Unset(running));
        Assert.Equal(["progress", "estimated_work", "jobs_before"], Unset(failed));
    }

    [Fact]
    public void An_image_and_progress_and_a_preview_set_every_field_of_their_messages()
    {
        var filled = new Filled();

        Assert.Empty(Unset(JobMessages.ToMessage(filled.Of<JobArtifact>())));
        Assert.Empty(Unset(JobMessages.ToMessage(filled.Of<JobFailure>())));
        Assert.Empty(Unset(JobMessages.ToMessage(filled.Of<JobProgress>(), filled.Of<PlanStage>())));
        Assert.Empty(Unset(JobMessages.ToPreview(filled.Of<JobProgress>(), new byte[] { 1 })));
    }

    [Fact]
    public void A_worker_sets_every_field_of_its_message() =>
        Assert.Empty(Unset(CatalogMessages.ToMessage(new Filled().Of<WorkerCard>())));

    [Fact]
    public void A_served_model_sets_every_field_of_its_message()
    {
        var filled = new Filled(Values());
        ModelCard card = filled.Of<ModelCard>() with { Stages = null };
        WorkerCard worker = filled.Of<WorkerCard>() with
        {
            State = WorkerState.Ready,
            Models = new Dictionary<string, string> { [card.Name] = card.Fingerprint },
        };

        Model message = CatalogMessages.ToMessage(
            card,
            [
                .. ((WorkerRole[])[WorkerRole.TextEncoder, WorkerRole.Denoiser, WorkerRole.VaeDecoder])
                    .Select(role => worker with { Role = role.Name })
            ]);

        Assert.Empty(Unset(message));
    }

    [Fact]
    public void A_cascade_sets_the_fields_that_do_not_depend_on_one_model()
    {
        ModelCard card = new Filled(Values()).Of<ModelCard>();

        // Sizes, scheduler and examples are those of its stages; it is served when its stages are.
        Assert.Equal(
            ["default_width", "default_height", "size_multiple", "fixed_width", "fixed_height", "scheduler", "examples", "served"],
            Unset(CatalogMessages.ToMessage(card, [])));
    }

    [Fact]
    public void Every_phase_of_a_job_has_a_state_of_its_own_and_is_found_by_it()
    {
        JobPhase[] phases = Enum.GetValues<JobPhase>();

        Assert.Equal(phases.Cast<JobPhase?>(), phases.Select(phase => JobMessages.ToPhase(JobMessages.ToMessage(phase))));
        Assert.Equal(Enum.GetValues<JobState>().Length - 1, phases.Length);
        Assert.Null(JobMessages.ToPhase(JobState.Unspecified));
    }

    [Fact]
    public void Every_value_of_the_enums_of_denoising_messages_has_a_name_of_its_own()
    {
        AssertNamed(DenoiseWireNames.Roles);
        AssertNamed(DenoiseWireNames.Methods);
        AssertNamed(DenoiseWireNames.Starts);
    }

    [Fact]
    public void A_field_that_is_not_set_is_found()
    {
        var worker = new Worker { Id = "one", Models = { "stub" } };

        Assert.Contains("role", Unset(worker));
        Assert.DoesNotContain("id", Unset(worker));
        Assert.DoesNotContain("models", Unset(worker));
        Assert.Contains("stages.kind", Unset(new Job { Stages = { new Stage { Name = "write" } } }));
    }

    private static void AssertNamed<T>(IReadOnlyDictionary<string, T> names)
        where T : struct, Enum
    {
        Assert.Equal(Enum.GetValues<T>(), names.Values.Order());
        Assert.Equal(Enum.GetValues<T>().Length, names.Count);
    }

    private static Dictionary<string, object> Values() => new() { ["PlanStage.Kind"] = StageKind.Denoise };

    /// <summary>The fields of a message, at any depth, that have their default in every message of their list.</summary>
    private static IEnumerable<string> Unset(IMessage message) =>
        message.Descriptor.Fields.InFieldNumberOrder().SelectMany(field => Unset(field, field.Accessor.GetValue(message)));

    private static IEnumerable<string> Unset(FieldDescriptor field, object? value)
    {
        if (field is { IsMap: false, FieldType: FieldType.Message }
            && field.MessageType.File.Package.StartsWith("brownian.", StringComparison.Ordinal))
        {
            IMessage[] messages = value is IList list ? [.. list.Cast<IMessage>()] : value is IMessage one ? [one] : [];
            return messages.Length == 0
                ? [field.Name]
                : messages.Select(Unset).Aggregate((first, second) => first.Intersect(second)).Select(name => $"{field.Name}.{name}");
        }
        bool isUnset = value switch
        {
            null => true,
            ICollection collection => collection.Count == 0,
            string text => text.Length == 0,
            bool flag => !flag,
            Enum choice => Convert.ToInt32(choice, System.Globalization.CultureInfo.InvariantCulture) == 0,
            ByteString bytes => bytes.IsEmpty,
            IMessage => false,
            IConvertible number => number.ToDouble(System.Globalization.CultureInfo.InvariantCulture) == 0,
            _ => throw new NotSupportedException($"{field.FullName} is a {field.FieldType}: say here when it is not set"),
        };
        return isUnset ? [field.Name] : [];
    }
}
