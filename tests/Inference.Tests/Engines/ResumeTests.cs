using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Stages;
using Brownian.Resumption;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Inference.Tests.Engines;

/// <summary>A run that its caller drives can be left after any evaluation and resumed by another worker, with the same bits.</summary>
public sealed class ResumeTests : IDisposable
{
    private const int Steps = 6;

    /// <summary>The most bytes that a run may allocate for one evaluation, the caller's await included.</summary>
    private const int MostAllocated = 1024;

    private const int HashLength = 16;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>Every class that a plain text-to-image run accepts, with the settings under which it remembers and draws the most.</summary>
    private static readonly Dictionary<string, string> Runnable = new()
    {
        ["DDIMScheduler"] = "{\"clip_sample\": false, \"steps_offset\": 1}",
        ["DDIMInverseScheduler"] = "{\"clip_sample\": false}",
        ["DDIMParallelScheduler"] = "{\"clip_sample\": false}",
        ["DDPMScheduler"] = "{}",
        ["DDPMParallelScheduler"] = "{}",
        ["PNDMScheduler"] = "{}",
        ["IPNDMScheduler"] = "{}",
        ["UnCLIPScheduler"] = "{}",
        ["LCMScheduler"] = "{}",
        ["TCDScheduler"] = "{}",
        ["CMStochasticIterativeScheduler"] = "{}",
        ["ScoreSdeVeScheduler"] = "{}",
        ["EulerAncestralDiscreteScheduler"] = "{}",
        ["HeunDiscreteScheduler"] = "{}",
        ["KDPM2DiscreteScheduler"] = "{}",
        ["KDPM2AncestralDiscreteScheduler"] = "{}",
        ["LMSDiscreteScheduler"] = "{}",
        ["DPMSolverSDEScheduler"] = "{}",
        ["FlowMatchEulerDiscreteScheduler"] = "{\"stochastic_sampling\": true}",
        ["FlowMatchHeunDiscreteScheduler"] = "{}",
        ["FlowMapEulerDiscreteScheduler"] = "{}",
        ["EulerDiscreteScheduler"] = "{\"use_karras_sigmas\": true}",
        ["DPMSolverMultistepScheduler"] = "{\"solver_order\": 3, \"algorithm_type\": \"sde-dpmsolver++\"}",
        ["DPMSolverMultistepInverseScheduler"] = "{\"solver_order\": 3}",
        ["DPMSolverSinglestepScheduler"] = "{\"solver_order\": 3}",
        ["DEISMultistepScheduler"] = "{\"solver_order\": 3}",
        ["UniPCMultistepScheduler"] = "{\"solver_order\": 3}",
        ["SASolverScheduler"] = "{\"predictor_order\": 3, \"corrector_order\": 4}",
        ["EDMEulerScheduler"] = "{}",
        ["EDMDPMSolverMultistepScheduler"] = "{\"algorithm_type\": \"sde-dpmsolver++\"}",
    };

    /// <summary>Every other class, with the reason.</summary>
    private static readonly Dictionary<string, string> NotRunnable = [];

    private readonly TemporaryFolder _folder = new();
    private readonly LocalDenoiser _denoiser;

    public ResumeTests()
    {
        _denoiser = Load("model", new StubModel());
    }

    public static TheoryData<string> Classes => [.. Runnable.Keys];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _denoiser.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Every_class_of_the_catalogue_is_run_here_or_left_out_with_a_reason() =>
        Assert.Equal(SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName).Order(), Runnable.Keys.Concat(NotRunnable.Keys).Order());

    [Fact]
    public async Task A_run_of_any_scheduler_resumes_in_another_process_with_the_same_bits()
    {
        var runs = new List<ResumeRun>();
        var expected = new Dictionary<string, DenoiseResult>();
        foreach (string className in Runnable.Keys)
        {
            DenoiseTask[] tasks = Tasks(className);
            for (int variant = 0; variant < tasks.Length; variant++)
            {
                DenoiseResult undisturbed = await AloneAsync(tasks[variant]);
                var states = new List<string>();
                IDenoising denoising = _denoiser.Begin(tasks[variant]);
                while (true)
                {
                    string state = $"{className}.{variant}.{denoising.Evaluation}";
                    await File.WriteAllBytesAsync(_folder.Combine(state), denoising.Save(), Token);
                    states.Add(state);
                    expected[state] = undisturbed;
                    if (denoising.IsDone)
                    {
                        break;
                    }
                    await denoising.EvaluateAsync(Token);
                }
                Assert.Equal(denoising.Evaluations + 1, states.Count);
                AssertSame(undisturbed, denoising.Result());
                runs.Add(new ResumeRun(tasks[variant], states));
            }
        }
        Assert.Equal(Enum.GetValues<NoiseKind>(), runs.Select(run => run.Task.Noise).Distinct().Order());
        new ResumeManifest(_folder.Combine("model", "unet", "model.onnx"), runs).Write(_folder.FullPath);

        await FinishInAnotherProcessAsync();

        var differing = new List<string>();
        foreach ((string state, DenoiseResult result) in expected)
        {
            byte[] latents = await File.ReadAllBytesAsync(_folder.Combine(state + ".latents"), Token);
            byte[] generator = await File.ReadAllBytesAsync(_folder.Combine(state + ".generator"), Token);
            if (!latents.AsSpan().SequenceEqual(MemoryMarshal.AsBytes(result.Latents.Values.AsSpan()))
                || !generator.AsSpan().SequenceEqual(result.GeneratorState))
            {
                differing.Add(state);
            }
        }
        Assert.Empty(differing);

        // All but the one class that allocates memory for its tree.
        foreach (ResumeRun run in runs.Where(run => (string)run.Task.Scheduler["_class_name"]! != DpmSolverSdeScheduler.Descriptor.ClassName))
        {
            string allocated = await File.ReadAllTextAsync(_folder.Combine(run.States[0] + ".allocated"), Token);
            Assert.InRange(long.Parse(allocated, CultureInfo.InvariantCulture), 0, MostAllocated);
        }
    }

    [Fact]
    public async Task Two_runs_interleaved_on_one_engine_have_the_bits_of_single_runs()
    {
        // Both have one size, so that they share the engine's buffers.
        DenoiseTask one = Guided("EulerAncestralDiscreteScheduler", 1),
        other = Guided("SASolverScheduler", 2) with { Embedding = Waves(5, 3), NegativeEmbedding = Waves(5, 4) };
        IDenoising first = _denoiser.Begin(one), second = _denoiser.Begin(other);
        while (!first.IsDone || !second.IsDone)
        {
            foreach (IDenoising denoising in ((IDenoising[])[first, second]).Where(denoising => !denoising.IsDone))
            {
                await denoising.EvaluateAsync(Token);
            }
        }
        AssertSame(await AloneAsync(one), first.Result());
        AssertSame(await AloneAsync(other), second.Result());
        Assert.NotEqual(first.Result().Latents.Values, (await AloneAsync(one with { Embedding = other.Embedding })).Latents.Values);
    }

    [Fact]
    public async Task Runs_of_more_sizes_than_the_engines_buffers_have_the_bits_of_single_runs()
    {
        DenoiseTask[] tasks =
            [.. Enumerable.Range(1, 6).Select(i => Guided("EulerAncestralDiscreteScheduler", (ulong)i) with { LatentShape = [4, 8, 4 * i] })];
        IDenoising[] runs = [.. tasks.Select(_denoiser.Begin)];
        for (int i = 0; i < Steps; i++)
        {
            foreach (IDenoising run in runs)
            {
                await run.EvaluateAsync(Token);
            }
        }
        for (int i = 0; i < tasks.Length; i++)
        {
            AssertSame(await AloneAsync(tasks[i]), runs[i].Result());
        }
    }

    [Fact]
    public async Task A_cancelled_evaluation_leaves_the_run_unchanged()
    {
        using LocalDenoiser endless = new(OnnxGraph.Load(SaveEndless(), OneThread));
        DenoiseTask task = Guided("SASolverScheduler", 3);
        byte[] before = await SaveAfterAsync(task, 2);
        IDenoising denoising = endless.Restore(task, before);
        using var stop = new CancellationTokenSource();
        Task evaluation = denoising.EvaluateAsync(stop.Token);
        Assert.Throws<InvalidOperationException>(() => denoising.Save());
        await Assert.ThrowsAsync<InvalidOperationException>(() => denoising.EvaluateAsync(Token));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => evaluation.WaitAsync(TimeSpan.FromMinutes(1), Token));
        Assert.Equal(2, denoising.Evaluation);
        Assert.Equal(before, denoising.Save());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => denoising.EvaluateAsync(stop.Token));
        Assert.Equal(before, denoising.Save());
        AssertSame(await AloneAsync(task), await FinishAsync(_denoiser.Restore(task, denoising.Save())));
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public async Task A_failed_evaluation_leaves_the_run_unchanged(string className)
    {
        using LocalDenoiser broken = Load("broken", new StubModel { Factor = float.NaN });
        foreach (DenoiseTask task in Tasks(className))
        {
            byte[] before = await SaveAfterAsync(task, 1);
            IDenoising denoising = broken.Restore(task, before);
            await Assert.ThrowsAsync<DenoiseException>(() => denoising.EvaluateAsync(Token));
            Assert.Equal(before, denoising.Save());
            AssertSame(await AloneAsync(task), await FinishAsync(_denoiser.Restore(task, denoising.Save())));
        }
    }

    [Fact]
    public async Task A_run_has_a_result_only_when_it_is_done_and_then_refuses_evaluations()
    {
        IDenoising denoising = _denoiser.Begin(Guided("DDIMScheduler", 4));
        Assert.Equal((0, Steps), (denoising.Evaluation, denoising.Evaluations));
        for (int i = 0; i < Steps; i++)
        {
            Assert.Throws<InvalidOperationException>(() => denoising.Result());
            await denoising.EvaluateAsync(Token);
            Assert.Equal(i + 1, denoising.Evaluation);
        }
        Assert.True(denoising.IsDone);
        byte[] done = denoising.Save();
        await Assert.ThrowsAsync<InvalidOperationException>(() => denoising.EvaluateAsync(Token));
        Assert.Equal(done, denoising.Save());
    }

    [Fact]
    public async Task A_state_of_another_task_is_refused()
    {
        DenoiseTask task = Guided("DDIMScheduler", 5);
        byte[] state = await SaveAfterAsync(task, 2);
        (string Part, DenoiseTask Task)[] others =
        [
            ("width", task with { LatentShape = [4, 8, 12] }),
            ("height", task with { LatentShape = [4, 16, 4] }),
            ("channels", task with { LatentShape = [8, 8, 4] }),
            ("settings", task with { Scheduler = new JsonObject { ["_class_name"] = "DDIMScheduler" } }),
            ("settings", task with { Scheduler = new JsonObject { ["_class_name"] = "EulerDiscreteScheduler" } }),
            ("run", task with { Sampling = new SamplingOptions { Steps = Steps + 1 } }),
            ("run", task with { Sampling = new SamplingOptions { Steps = Steps, Eta = 1 } }),
            ("seed", task with { Seed = 6 }),
            ("kind of noise", task with { Noise = NoiseKind.TorchCpu }),
            ("element type", task with { NoiseDtype = NoiseDtype.Float32 }),
        ];
        foreach ((string part, DenoiseTask other) in others)
        {
            InvalidDataException refused = Assert.Throws<InvalidDataException>(() => _denoiser.Restore(other, state));
            Assert.Contains(part, refused.Message, StringComparison.Ordinal);
        }
        Assert.Contains(
            "version",
            Assert.Throws<InvalidDataException>(() => _denoiser.Restore(task, Changed(state, sizeof(int) + "brownian-denoising".Length, 99))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "bytes follow", Assert.Throws<InvalidDataException>(() => _denoiser.Restore(task, Sealed([.. state[..^HashLength], 0]))).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => _denoiser.Restore(task, ReadOnlyMemory<byte>.Empty));
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public async Task A_damaged_state_is_refused(string className)
    {
        DenoiseTask task = Tasks(className)[0];
        byte[] state = await SaveAfterAsync(task, 3);
        Gen.Int[0, state.Length - 1].Select(Gen.Byte[1, 255]).Sample(
            (place, flipped) => Assert.Throws<InvalidDataException>(() => _denoiser.Restore(task, Changed(state, place, flipped))), iter: 200);
        Gen.Int[0, state.Length - 1]
            .Sample(length => Assert.Throws<InvalidDataException>(() => _denoiser.Restore(task, state.AsMemory(0, length))), iter: 50);
    }

    /// <summary>The hash detects damage during the transfer; a wrong state that a broken worker hashed must not do harm either.</summary>
    [Theory]
    [MemberData(nameof(Classes))]
    public async Task A_wrong_state_with_a_valid_hash_is_refused_or_gives_a_run_of_the_same_length(string className)
    {
        DenoiseTask task = Tasks(className)[0];
        byte[] state = await SaveAfterAsync(task, 3);
        int evaluations = _denoiser.Restore(task, state).Evaluations;
        Gen.Int[0, state.Length - HashLength - 1].Select(Gen.Byte[1, 255], Gen.Bool).Sample(
            (place, flipped, cut) =>
            {
                byte[] wrong = Sealed(cut ? state[..place] : Changed(state, place, flipped)[..^HashLength]);
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    Assert.Equal(evaluations, _denoiser.Restore(task, wrong).Evaluations);
                }
                catch (InvalidDataException)
                {
                    // Refused.
                }
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
            },
            iter: 300);
    }

    [Fact]
    public async Task A_run_with_start_latents_uses_them_unchanged_and_draws_no_initial_noise()
    {
        // This scheduler draws no noise in its steps, and its initial sigma is not 1.
        DenoiseTask plain = Guided("EulerDiscreteScheduler", 7);
        var scheduler = SchedulerCatalog.Create(plain.Scheduler);
        scheduler.Start(plain.Sampling);
        DenoiseResult drawn = await AloneAsync(plain);
        Tensor start = new([.. drawn.InitialLatents.Values.Select(value => value * scheduler.InitNoiseSigma)], drawn.InitialLatents.Shape);
        float[] given = [.. start.Values];

        DenoiseTask task = plain with { StartLatents = start };
        DenoiseResult started = await AloneAsync(task);
        Assert.Equal(drawn.Latents.Values, started.Latents.Values);
        Assert.Equal(given, started.InitialLatents.Values);
        Assert.Equal(given, start.Values);
        Assert.Equal(GeneratorState(NoiseNames.Create(task.Noise, task.Seed, task.NoiseDtype)), started.GeneratorState);
        Assert.NotEqual(drawn.GeneratorState, started.GeneratorState);

        IDenoising denoising = _denoiser.Begin(task);
        await denoising.EvaluateAsync(Token);
        AssertSame(started, await FinishAsync(_denoiser.Restore(task, denoising.Save())));
        AssertSame(started, await FinishAsync(_denoiser.Restore(plain, denoising.Save())));
    }

    [Theory]
    [InlineData(NoiseKind.TorchCpu)]
    [InlineData(NoiseKind.TorchCuda)]
    public async Task A_run_with_an_earlier_generators_state_continues_its_noise(NoiseKind noise)
    {
        DenoiseTask task = Guided("EulerAncestralDiscreteScheduler", 8) with { Noise = noise };
        DenoiseResult earlier = await AloneAsync(task);
        INoiseGenerator generator = NoiseNames.Create(task.Noise, task.Seed, task.NoiseDtype);
        var tensor = new float[earlier.Latents.Values.Length];
        // A generator that has drawn as many tensors as the run did: the initial noise and at most one a step.
        for (int drawn = 0; !GeneratorState(generator).AsSpan().SequenceEqual(earlier.GeneratorState); drawn++)
        {
            Assert.InRange(drawn, 0, Steps);
            generator.FillNormal(tensor);
        }
        DenoiseTask later = task with { GeneratorState = earlier.GeneratorState };
        DenoiseResult result = await AloneAsync(later);
        generator.FillNormal(tensor);
        Assert.Equal(tensor, result.InitialLatents.Values);
        Assert.NotEqual(earlier.Latents.Values, result.Latents.Values);

        IDenoising denoising = _denoiser.Begin(later);
        await denoising.EvaluateAsync(Token);
        AssertSame(result, await FinishAsync(_denoiser.Restore(task, denoising.Save())));

        DenoiseResult handedOn = await AloneAsync(later with { StartLatents = earlier.Latents });
        Assert.NotEqual(earlier.GeneratorState, handedOn.GeneratorState);
        Assert.NotEqual(handedOn.Latents.Values, (await AloneAsync(task with { StartLatents = earlier.Latents })).Latents.Values);
    }

    [Fact]
    public async Task Inputs_that_do_not_fit_the_task_are_refused()
    {
        DenoiseTask task = Guided("DDIMScheduler", 9);
        byte[] ofPhilox = (await AloneAsync(task)).GeneratorState;
        float[] notFinite = new float[4 * 8 * 8];
        notFinite[3] = float.PositiveInfinity;
        DenoiseTask[] wrong =
        [
            task with { StartLatents = new Tensor(new float[4 * 8 * 8], [4, 8, 8]) },
            task with { StartLatents = new Tensor(new float[4 * 8 * 4], [1, 4, 8, 4]) },
            task with { StartLatents = new Tensor(new float[3], [1, 4, 8, 8]) },
            task with { StartLatents = new Tensor(notFinite, [1, 4, 8, 8]) },
            task with { GeneratorState = new byte[3] },
            task with { GeneratorState = (byte[])[.. ofPhilox, 0] },
            task with { GeneratorState = ofPhilox, Noise = NoiseKind.TorchCpu },
            task with { GeneratorState = ofPhilox, Seed = 10 },
            task with { LatentShape = [4, 8] },
            task with { LatentShape = [4, 8, 0] },
            task with { LatentShape = [65536, 65536, 65536] },
        ];
        foreach (DenoiseTask refused in wrong)
        {
            Assert.ThrowsAny<ArgumentException>(() => _denoiser.Begin(refused));
            await Assert.ThrowsAnyAsync<ArgumentException>(() => AloneAsync(refused));
        }
    }

    private static SessionSettings OneThread { get; } = new(Threads: 1);

    private static DenoiseTask[] Tasks(string className)
    {
        var config = (JsonObject)JsonNode.Parse(Runnable[className])!;
        config["_class_name"] = className;
        var plain = new DenoiseTask
        {
            LatentShape = [4, 8, 8],
            Embedding = Waves(5, 1),
            Scheduler = config,
            Sampling = new SamplingOptions { Steps = Steps },
            Seed = 1234567890123,
        };
        DenoiseTask guided = plain with
        {
            NegativeEmbedding = Waves(5, 2),
            GuidanceScale = 7.5,
            Noise = NoiseKind.TorchCuda,
            NoiseDtype = NoiseDtype.Float16,
            Sampling = plain.Sampling with { Eta = SchedulerCatalog.Create(config).TakesEta ? 0.5 : null },
        };
        return [plain, guided, guided with { Noise = NoiseKind.TorchCpu, GuidanceRescale = 0.7, LatentShape = [4, 4, 12], Seed = 5 }];
    }

    private static DenoiseTask Guided(string className, ulong seed) => Tasks(className)[1] with { Seed = seed };

    private static Tensor Waves(int tokens, int phase) =>
        new([.. Enumerable.Range(0, tokens * StubModel.Width).Select(i => 20 * MathF.Sin(i * phase + phase))], [1, tokens, StubModel.Width]);

    private static byte[] Changed(byte[] bytes, int place, byte flipped)
    {
        byte[] changed = [.. bytes];
        changed[place] ^= flipped;
        return changed;
    }

    private static byte[] Sealed(byte[] content) => [.. content, .. XxHash128.Hash(content)];

    private static byte[] GeneratorState(INoiseGenerator generator)
    {
        var writer = new Brownian.Diffusion.State.StateWriter();
        generator.Save(writer);
        return writer.Written.ToArray();
    }

    private static void AssertSame(DenoiseResult expected, DenoiseResult actual)
    {
        Assert.Equal(expected.Latents.Shape, actual.Latents.Shape);
        Assert.Equal(expected.Latents.Values.Select(BitConverter.SingleToUInt32Bits), actual.Latents.Values.Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal(expected.InitialLatents.Values, actual.InitialLatents.Values);
        Assert.Equal(expected.Timesteps, actual.Timesteps);
        Assert.Equal(expected.Sigmas, actual.Sigmas);
        Assert.Equal(expected.GeneratorState, actual.GeneratorState);
    }

    private static async Task<DenoiseResult> FinishAsync(IDenoising denoising)
    {
        while (!denoising.IsDone)
        {
            await denoising.EvaluateAsync(Token);
        }
        return denoising.Result();
    }

    private LocalDenoiser Load(string name, StubModel model) =>
        new(OnnxGraph.Load(Path.Combine(model.Save(_folder.Combine(name)), "unet", "model.onnx"), OneThread));

    private string SaveEndless()
    {
        string file = _folder.Combine("endless", "model.onnx");
        new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, 4, null, null)
            .Input("timestep", OnnxStub.Float32)
            .Input("encoder_hidden_states", OnnxStub.Float32, null, null, StubModel.Width)
            .Node("ReduceMean", ["encoder_hidden_states"], "mean", ("keepdims", 0))
            .Node("Add", ["mean", "timestep"], "start")
            .EndlessLoop("start", "end")
            .Node("Add", ["sample", "end"], "out_sample")
            .Output("out_sample", OnnxStub.Float32, null, 4, null, null)
            .Save(file);
        return file;
    }

    private async Task<DenoiseResult> AloneAsync(DenoiseTask task) => (await _denoiser.DenoiseAsync([task], null, Token))[0];

    private async Task<byte[]> SaveAfterAsync(DenoiseTask task, int evaluations)
    {
        IDenoising denoising = _denoiser.Begin(task);
        for (int i = 0; i < evaluations; i++)
        {
            await denoising.EvaluateAsync(Token);
        }
        return denoising.Save();
    }

    private async Task FinishInAnotherProcessAsync()
    {
        // artifacts/bin/<project>/<configuration>/
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        string program = Path.Combine(
            own.Parent!.Parent!.FullName, "Resumption", own.Name, OperatingSystem.IsWindows() ? "Brownian.Resumption.exe" : "Brownian.Resumption");
        using var process = Process.Start(new ProcessStartInfo(program, [_folder.FullPath]) { RedirectStandardError = true })!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Token);
        deadline.CancelAfter(Deadline);
        try
        {
            string error = await process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            Assert.True(process.ExitCode == 0, error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
