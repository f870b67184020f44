using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>Ports as filters have them: <c>80</c>, <c>80/udp</c>, <c>80-90/tcp</c>.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PortRange(ushort First, ushort Last, string Protocol)
{
    /// <exception cref="EngineException">InvalidArgument when it is no such thing.</exception>
    public static PortRange Parse(string filter, string text)
    {
        string[] parts = text.Split('/', 2);
        string[] ends = parts[0].Split('-', 2);
        if (!TryPort(ends[0], out ushort first) || !TryPort(ends[^1], out ushort last) || last < first)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"error while looking up for {filter} {text}: wanted PORT[-PORT][/PROTOCOL]");
        }

        return new PortRange(first, last, parts.Length > 1 ? parts[1] : "tcp");
    }

    /// <summary>Whether a port of a configuration (<c>80/tcp</c>) is one of these.</summary>
    public bool Includes(string port)
    {
        string[] parts = port.Split('/', 2);
        return TryPort(parts[0], out ushort number) && number >= First && number <= Last && (parts.Length > 1 ? parts[1] : "tcp") == Protocol;
    }

    private static bool TryPort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);
}
