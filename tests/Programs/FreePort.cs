using System.Net;
using System.Net.Sockets;

namespace Brownian.Tests.Programs;

/// <summary>Ports for servers that are told theirs.</summary>
internal static class FreePort
{
    private const int First = 10_000;

    /// <summary>
    /// The first port that the system gives to a program that asks for any. It must not give these: until a server listens on its own, which takes
    /// seconds on a busy machine, another one would answer in its place. A system that gives nearly all of them leaves no others.
    /// </summary>
    private static readonly int End =
        int.Parse(
            File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0],
            System.Globalization.NumberFormatInfo.InvariantInfo) is > 12_000 and int given
            ? given
            : 60_000;

    /// <summary>Two runs of tests at the same time begin at two places.</summary>
    private static int _next = Environment.ProcessId * 101 % 20_000;

    /// <summary>A port without a listener, given out once.</summary>
    public static int Find()
    {
        while (true)
        {
            int port = First + (Interlocked.Increment(ref _next) % (End - First));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Another program listens there.
            }
        }
    }
}
