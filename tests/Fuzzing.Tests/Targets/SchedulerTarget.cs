using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Configurations of schedulers with the settings of a run, and schedulers' saved states.</summary>
internal sealed class SchedulerTarget : FuzzTarget
{
    private const string Run_ = "run", State = "state";

    public override int CasesPerSecond => 2000;

    public override IReadOnlyList<string> Tokens =>
    [
        .. SchedulerCatalog.Classes.Select(known => known.ClassName),
        .. SchedulerCatalog.Classes.SelectMany(known => known.Options).Select(option => option.Name).Distinct(),
        "linspace", "leading", "trailing", "epsilon", "v_prediction", "sample", "squaredcos_cap_v2", "inf", "-inf",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        foreach (SchedulerDescriptor known in SchedulerCatalog.Classes)
        {
            var json = new JsonObject
            {
                ["config"] = new JsonObject { ["_class_name"] = known.ClassName, ["num_train_timesteps"] = 100 },
                ["run"] = StageSettings.Write(new SamplingOptions { Steps = 4 }),
            };
            yield return new FuzzInput(Run_, Encoding.UTF8.GetBytes(json.ToJsonString()));
            Scheduler scheduler;
            try
            {
                scheduler = Started(json);
            }
            catch (FieldFaultException)
            {
                // A class without that option, or one that must be given timesteps.
                continue;
            }
            Advance(scheduler, 2);
            var writer = new StateWriter();
            scheduler.Save(writer);
            yield return new FuzzInput(State, writer.Written.ToArray());
        }
    }

    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => kind == Run_ ? FuzzFormat.Json : FuzzFormat.Bytes;

    public override long MaxAllocated(FuzzInput input) => (128L << 20) + 256L * input.Bytes.Length;

    public override void Run(FuzzInput input)
    {
        if (input.Kind == State)
        {
            Advance(Scheduler.Restore(new StateReader(input.Bytes)), 1);
            return;
        }
        Advance(Started(RequestJson.Parse(input.Bytes)), 3);
    }

    public override bool IsDocumented(Exception exception) => exception is FieldFaultException or InvalidDataException or JsonException;

    private static Scheduler Started(JsonObject json)
    {
        Scheduler scheduler = SchedulerCatalog.Create(json["config"] as JsonObject ?? []);
        scheduler.Start(StageSettings.ReadText<SamplingOptions>((json["run"] as JsonObject ?? []).ToJsonString(), "run"));
        return scheduler;
    }

    private static void Advance(Scheduler scheduler, int steps)
    {
        float[] sample = [0.1f, -0.2f, 0.3f, 0.4f], output = [0.4f, 0.3f, -0.2f, 0.1f];
        var noise = new TorchCpuGenerator(1);
        for (int step = 0; step < steps && !scheduler.IsDone; step++)
        {
            scheduler.Step(output, sample, noise);
        }
    }
}
