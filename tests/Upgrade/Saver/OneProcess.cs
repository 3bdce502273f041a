namespace Brownian.Upgrade.Saver;

/// <summary>Everything in one process, killed while jobs are in every state.</summary>
internal static class OneProcess
{
    /// <param name="repository">The checkout of the version.</param>
    /// <param name="output">The folder for its answers.</param>
    /// <param name="data">Its data folder.</param>
    public static async Task SaveAsync(string repository, string output, string data)
    {
        await using RunningProgram process = await RunningProgram.StartAsync(repository, "Cli", ["serve"], 0, ("DataFolder", data));
        var scenario = new Scenario(process, repository);
        await scenario.EndAsync();

        await scenario.OperateAsync("vae-decoder", pause: true);
        await scenario.WaitAsync("text-to-image", "standard", "vae-decode");
        await scenario.WaitAsync("image-to-image", "standard", "vae-encode");
        await scenario.OperateAsync("denoiser", pause: true);
        string stopped = await scenario.SubmitLongAsync("interactive");
        await scenario.WaitAsync("subseed", "standard", "denoise");
        await scenario.WaitAsync("two-passes", "batch", "denoise");
        await scenario.WaitAsync("lora", "standard", "denoise");
        await scenario.WaitAsync("controlnet", "batch", "denoise");
        await scenario.WaitAsync("cascade", "standard", "denoise");
        await scenario.OperateAsync("text-encoder", pause: true);
        await scenario.WaitAsync("text-to-image", "interactive", "text-encode");
        await scenario.WaitAsync("inpaint", "standard", "vae-encode");
        await scenario.WriteAnswersAsync(output);

        // The interactive job runs first, while the others wait.
        await scenario.OperateAsync("denoiser", pause: false);
        await scenario.InTheMiddleAsync(stopped);
        await process.KillAsync();
        scenario.AddStopped(stopped, "running");
        await scenario.WriteJobsAsync(output);
    }
}
