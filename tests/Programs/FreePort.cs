using System.Net;
using System.Net.Sockets;

namespace Brownian.Tests.Programs;

/// <summary>Free ports for servers that need theirs as a setting.</summary>
internal static class FreePort
{
    private const int First = 10_000;

    /// <summary>
    /// The first port that the system assigns by itself. Ports from there on are not used: until a server listens, which takes seconds on a busy
    /// machine, another program could get its port and answer in its place. A system that assigns nearly all ports leaves no others.
    /// </summary>
    private static readonly int End =
        int.Parse(
            File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[0],
            System.Globalization.NumberFormatInfo.InvariantInfo) is > 12_000 and int configured
            ? configured
            : 60_000;

    /// <summary>Two test runs at the same time begin at different ports.</summary>
    private static int _next = Environment.ProcessId * 101 % 20_000;

    /// <summary>A port without a listener, which is returned only once.</summary>
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
                // Another program uses the port.
            }
        }
    }
}
