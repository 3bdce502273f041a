namespace Brownian.Program.Tests;

public sealed class DoctorTests
{
    [Fact]
    public async Task The_doctor_shows_the_machine_and_names_what_is_damaged()
    {
        using var folder = new TemporaryFolder();
        ProgramResult well = await RunAsync();
        Assert.True(well.ExitCode == 0, well.OutputText);
        Assert.All(
            (string[])["program: brownian ", "processor: ", "memory: ", "device cuda: ", "model emoji: Stable Diffusion", "ports: "],
            part => Assert.Contains(part, well.OutputText, StringComparison.Ordinal));

        string damaged = folder.Combine("models", "damaged", "unet");
        Directory.CreateDirectory(damaged);
        await File.WriteAllTextAsync(Path.Combine(damaged, "model.onnx"), "no graph", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.Combine("config.json"), "{\"nonsense\": 1}", TestContext.Current.CancellationToken);
        ProgramResult ill = await RunAsync(
            ("BROWNIAN_MODELS", folder.Combine("models")), ("BROWNIAN_CONFIG", folder.Combine("config.json")));
        Assert.Equal(1, ill.ExitCode);
        Assert.Contains("problem model damaged: ", ill.OutputText, StringComparison.Ordinal);
        Assert.Contains("problem defaults: ", ill.OutputText, StringComparison.Ordinal);
        Assert.Contains("nonsense: is not a setting", ill.OutputText, StringComparison.Ordinal);

        Task<ProgramResult> RunAsync(params (string Name, string Value)[] variables) => BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["doctor"],
            Environment = variables.Append(("XDG_DATA_HOME", folder.Combine("data"))).ToDictionary(pair => pair.Item1, pair => pair.Item2),
        });
    }
}
