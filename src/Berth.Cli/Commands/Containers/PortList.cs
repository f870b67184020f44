using System.Globalization;
using Berth.Api;

namespace Berth.Cli.Commands.Containers;

/// <summary>Ports in one line: neighbouring ones that have the same number outside, or none, joined to ranges; all others after them.</summary>
internal static class PortList
{
    public static string Format(IEnumerable<PortSummary> ports)
    {
        var closed = new List<string>();
        var open = new List<PortRange>();
        var mapped = new List<string>();
        foreach (PortSummary port in ports.OrderBy(port => port.PrivatePort).ThenBy(port => port.IP ?? "", StringComparer.Ordinal)
            .ThenBy(port => port.PublicPort).ThenBy(port => port.Type, StringComparer.Ordinal))
        {
            string address = port.IP ?? "";
            if (address.Length > 0 && port.PublicPort != port.PrivatePort)
            {
                mapped.Add($"{Join(address, Number(port.PublicPort))}->{Number(port.PrivatePort)}/{port.Type}");
                continue;
            }

            int index = open.FindIndex(range => range.Address == address && range.Type == port.Type);
            if (index < 0)
            {
                open.Add(new PortRange(address, port.Type, port.PrivatePort, port.PrivatePort));
            }
            else if (port.PrivatePort == open[index].Last + 1)
            {
                open[index] = open[index] with { Last = port.PrivatePort };
            }
            else
            {
                closed.Add(open[index].ToString());
                open[index] = open[index] with { First = port.PrivatePort, Last = port.PrivatePort };
            }
        }

        return string.Join(", ", [.. closed, .. open.Select(range => range.ToString()), .. mapped]);
    }

    private static string Join(string address, string port) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";

    private static string Number(int port) => port.ToString(CultureInfo.InvariantCulture);

    private sealed record PortRange(string Address, string Type, int First, int Last)
    {
        public override string ToString()
        {
            string ports = First == Last ? Number(First) : $"{Number(First)}-{Number(Last)}";
            return Address.Length == 0 ? $"{ports}/{Type}" : $"{Join(Address, ports)}->{ports}/{Type}";
        }
    }
}
