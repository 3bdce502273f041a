using Brownian.V1;
using Grpc.Core;

namespace Brownian.Upgrade.Saver;

/// <summary>A cluster, whose processes end one after the other while jobs are in every state.</summary>
internal static class Cluster
{
    /// <param name="repository">The checkout of the version.</param>
    /// <param name="output">The folder for its answers and messages.</param>
    /// <param name="rabbitMq">A broker of the cluster's own.</param>
    /// <param name="redis">A Redis of the cluster's own.</param>
    public static async Task SaveAsync(string repository, string output, Uri rabbitMq, string redis)
    {
        int text = RunningProgram.FreePort(), denoise = RunningProgram.FreePort(), vae = RunningProgram.FreePort();
        await using Recorder recorder = await Recorder.StartAsync(new Dictionary<string, int>
        {
            ["/brownian.v1.TextEncoder/"] = text,
            ["/brownian.v1.Denoiser/"] = denoise,
            ["/brownian.v1.Vae/"] = vae,
        });
        (string, string)[] settings = [("RabbitMq", rabbitMq.AbsoluteUri), ("Redis", redis)];
        // The gateway calls the workers at the addresses that they announce: those of the recorder.
        (string, string)[] worker = [.. settings, ("Advertise", recorder.Address)];
        await using RunningProgram gateway = await RunningProgram.StartAsync(repository, "Gateway", [], 0, settings);
        await using RunningProgram textEncoder = await RunningProgram.StartAsync(repository, "TextEncoder", [], text, worker);
        await using RunningProgram denoiser = await RunningProgram.StartAsync(repository, "Denoiser", [], denoise, worker);
        await using RunningProgram vaeDecoder = await RunningProgram.StartAsync(repository, "VaeDecoder", [], vae, worker);
        var scenario = new Scenario(gateway, repository);
        await scenario.EndAsync();
        await RecordAsync(gateway, recorder, scenario.Requests, output);
        await using var broker = await Broker.ConnectAsync(rabbitMq);
        await broker.ListenToCommandsAsync();
        await scenario.OperateAsync("denoiser", pause: true);
        await broker.WriteCommandAsync(Path.Combine(output, "command.json"));
        await scenario.OperateAsync("denoiser", pause: false);

        await vaeDecoder.TerminateAsync();
        await scenario.WaitAsync("text-to-image", "standard", "vae-decode");
        await scenario.WaitAsync("image-to-image", "standard", "vae-encode");
        string returned = await scenario.BeginAsync("batch");
        await denoiser.TerminateAsync();
        await scenario.ReturnedAsync(returned);
        scenario.AddStopped(returned, "returned");
        string killed = await scenario.SubmitLongAsync("interactive");
        await scenario.WaitAsync("subseed", "standard", "denoise");
        await scenario.WaitAsync("two-passes", "batch", "denoise");
        await scenario.WaitAsync("lora", "standard", "denoise");
        await scenario.WaitAsync("controlnet", "batch", "denoise");
        await scenario.WaitAsync("cascade", "standard", "denoise");
        await textEncoder.TerminateAsync();
        await scenario.WaitAsync("text-to-image", "interactive", "text-encode");
        await scenario.WaitAsync("inpaint", "standard", "vae-encode");
        await scenario.WriteAnswersAsync(output);

        // The interactive job runs first, while the others wait. The gateway ends too, so that no process finds out that the lease expired.
        await using RunningProgram another = await RunningProgram.StartAsync(repository, "Denoiser", [], denoise, worker);
        await scenario.InTheMiddleAsync(killed);
        await another.KillAsync();
        await gateway.KillAsync();
        scenario.AddStopped(killed, "running");
        await scenario.WriteJobsAsync(output);
        await broker.WriteMessagesAsync(Path.Combine(output, "messages.json"));
    }

    /// <summary>The calls that the gateway makes to stage services.</summary>
    private static async Task RecordAsync(
        RunningProgram gateway, Recorder recorder, IReadOnlyDictionary<string, GenerateRequest> requests, string output)
    {
        var calls = new List<RecordedCall>();
        foreach (string name in (string[])["text-to-image", "image-to-image", "inpaint", "lora", "controlnet", "cascade"])
        {
            GenerateRequest request = requests[name].Clone();
            request.ClearIdempotencyKey();
            request.ClearPriority();
            request.Direct = true;
            // One image of each, because the calls for further ones are alike.
            if (request.Seeds.Count > 1)
            {
                request.Seeds.RemoveAt(1);
            }
            request.ClearCount();
            using AsyncServerStreamingCall<JobEvent> call = gateway.Generation.Generate(request, deadline: DateTime.UtcNow + TimeSpan.FromMinutes(5));
            JobEvent? last = null;
            await foreach (JobEvent item in call.ResponseStream.ReadAllAsync())
            {
                last = item;
            }
            if (last?.Done is null)
            {
                throw new InvalidOperationException($"{name} ended with {last}");
            }
            calls.AddRange(recorder.Take(name));
        }
        await SavedJson.WriteAsync(Path.Combine(output, "calls.json.gz"), calls);
    }
}
