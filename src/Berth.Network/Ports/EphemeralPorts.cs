using System.Globalization;

namespace Berth.Network.Ports;

/// <summary>The ports that the kernel gives to sockets which ask for none, ip(7).</summary>
internal static class EphemeralPorts
{
    private const string File = "/proc/sys/net/ipv4/ip_local_port_range";

    /// <summary>The range now, both included; IANA's (RFC 6335) where it cannot be read.</summary>
    public static (ushort First, ushort Last) Read()
    {
        try
        {
            return Parse(System.IO.File.ReadAllText(File));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (49152, 65535);
        }
    }

    internal static (ushort First, ushort Last) Parse(string text)
    {
        string[] parts = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return parts.Length == 2 && ushort.TryParse(parts[0], CultureInfo.InvariantCulture, out ushort first) && ushort.TryParse(parts[1], CultureInfo.InvariantCulture, out ushort last)
            && first > 0 && first <= last
            ? (first, last)
            : throw new InvalidDataException($"{File}: wanted two ports, got \"{text.Trim()}\"");
    }
}
