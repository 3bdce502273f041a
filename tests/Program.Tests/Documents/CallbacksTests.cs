using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Brownian.Testing.Events;

namespace Brownian.Program.Tests.Documents;

/// <summary>docs/callbacks.md: the receiver of the page, which a gateway calls.</summary>
public sealed class CallbacksTests(ServedProgram served) : IClassFixture<ServedProgram>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CallbackServer.Secret, true)]
    [InlineData("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false)]
    public async Task The_receiver_takes_callbacks_that_are_signed_with_its_secret(string secret, bool isTaken)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine("receive.py"), new Page("docs/callbacks.md").Block("python"), Stop);
        string port = FreePort.Find().ToString(CultureInfo.InvariantCulture);
        using Process receiver = BrownianProgram.Start(new ProgramRun
        {
            File = "python3",
            Arguments = [folder.Combine("receive.py")],
            Environment = new Dictionary<string, string> { ["PORT"] = port, ["CALLBACK_SECRET"] = secret },
        });
        try
        {
            await ListensAsync(port);
            using var http = new HttpClient { BaseAddress = new Uri(served.Json) };
            using HttpResponseMessage created = await http.PostAsJsonAsync(
                "/v1/jobs", new { prompt = "owl", steps = 1, callback_url = $"http://127.0.0.1:{port}/ended" }, Stop);
            JsonNode job = (await created.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
            Assert.True(created.IsSuccessStatusCode, job.ToJsonString());

            // The receiver logs every call to its standard error, and writes those that it takes.
            string? line = await (isTaken ? receiver.StandardOutput : receiver.StandardError).ReadLineAsync(Stop).AsTask().WaitAsync(Deadline, Stop);

            Assert.Contains(isTaken ? $"job.done {job["id"]}" : "\"POST /ended HTTP/1.1\" 401", line, StringComparison.Ordinal);
        }
        finally
        {
            receiver.Kill();
            await receiver.WaitForExitAsync(Stop);
        }
    }

    private static async Task ListensAsync(string port)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Deadline);
        while (await timer.WaitForNextTickAsync(deadline.Token))
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", int.Parse(port, CultureInfo.InvariantCulture), deadline.Token);
                return;
            }
            catch (SocketException)
            {
                // It does not listen yet.
            }
        }
    }
}
