using System.Text.Json.Nodes;
using BenchmarkDotNet.Attributes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Benchmarks;

/// <summary>The work of a step on 4x64x64 latents besides the model: scale the input, guide, step, check, without the noise.</summary>
[MemoryDiagnoser]
public class StepBenchmarks
{
    private const int Length = 4 * 64 * 64;

    private readonly float[] _sample = new float[Length];
    private readonly float[] _input = new float[Length];
    private readonly float[] _unconditional = new float[Length];
    private readonly float[] _conditional = new float[Length];
    private readonly SilentNoise _noise = new();
    private Scheduler _scheduler = null!;

    /// <summary>First-order methods, then multistep and single-step ones.</summary>
    [Params(
        "ddim", "ddpm", "euler", "euler_a", "lcm", "tcd", "flow_euler", "edm_euler",
        "heun", "dpm2", "dpm2_a", "lms", "pndm", "plms", "ipndm", "dpm++_2m", "dpm++_2m_sde", "dpm++_3m", "dpm++_2s", "unipc", "deis", "sa_solver")]
    public string Name { get; set; } = "ddim";

    /// <summary>Runs a few steps, so that the buffers are allocated.</summary>
    [GlobalSetup]
    public void Setup()
    {
        for (int i = 0; i < Length; i++)
        {
            _sample[i] = MathF.Sin(i);
            _unconditional[i] = MathF.Cos(i) / 2;
            _conditional[i] = MathF.Sin(2 * i) / 2;
        }
        var defaults = new JsonObject { ["num_train_timesteps"] = 1000, ["clip_sample"] = false };
        _scheduler = SchedulerCatalog.Create(defaults, Name);
        _scheduler.Start(new SamplingOptions { Steps = 50 });
        for (int i = 0; i < 10; i++)
        {
            Step();
        }
    }

    /// <summary>The work of one evaluation.</summary>
    [Benchmark]
    public void Step()
    {
        if (_scheduler.IsDone)
        {
            _scheduler.BeginAt(10);
        }
        _scheduler.ScaleModelInput(_sample, _input);
        ClassifierFreeGuidance.Combine(_unconditional, _conditional, 7.5f, _input);
        _scheduler.Step(_input, _sample, _noise);
    }
}
