using System.Net;
using System.Net.Sockets;

namespace Brownian.Program.Tests;

public sealed class TakenPortTests
{
    [Theory]
    [InlineData("--http-port", "HttpPort")]
    [InlineData("--operator-grpc-port", "OperatorGrpcPort")]
    public async Task A_port_of_another_program_is_named_with_the_option_for_another_one(string option, string setting)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string port = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        string[] options = ["--http-port", "--grpc-port", "--operator-http-port", "--operator-grpc-port"];

        ProgramResult result = await BrownianProgram.RunAsync(
            ["serve", "--ephemeral", .. options.SelectMany(other => (string[])[other, other == option ? port : "0"])]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(
            $"brownian: another program has the port {port}: stop it, or choose another port with {option} (Platform:{setting})", result.Error,
            StringComparison.Ordinal);
    }
}
