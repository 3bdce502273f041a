namespace Brownian.Program.Tests;

/// <summary>A data folder belongs to one <c>brownian serve</c> at a time.</summary>
public sealed class DataFolderTests
{
    [Fact]
    public async Task A_second_server_on_a_data_folder_is_refused_in_one_line_until_the_first_is_killed()
    {
        using var data = new TemporaryFolder();
        await using (var first = new ServedProgram([], data.FullPath))
        {
            await first.InitializeAsync();

            ProgramResult second = await ServeAsync("--data", data.FullPath);

            Assert.Equal(2, second.ExitCode);
            string line = Assert.Single(second.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains("Platform:DataFolder", line, StringComparison.Ordinal);
            Assert.Contains(data.FullPath, line, StringComparison.Ordinal);
            Assert.Contains("another process", line, StringComparison.Ordinal);
            Assert.Contains("--data", line, StringComparison.Ordinal);
        }
        // It was killed in the way of kill -9. The lock file that it leaves stops no other process.
        Assert.True(File.Exists(data.Combine("lock")));
        await using var third = new ServedProgram([], data.FullPath);
        await third.InitializeAsync();
    }

    private static Task<ProgramResult> ServeAsync(params string[] arguments) =>
        BrownianProgram.RunAsync(
            [
                "serve", "--http-port", Port(), "--grpc-port", Port(), "--operator-http-port", Port(), "--operator-grpc-port", Port(), .. arguments,
            ]);

    private static string Port() => FreePort.Find().ToString(CultureInfo.InvariantCulture);
}
