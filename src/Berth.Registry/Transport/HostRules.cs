using System.Net;
using System.Net.Sockets;

namespace Berth.Registry.Transport;

/// <summary>Which hosts may be spoken to without checked certificates, or in plain text: those that are named, those with an address in a named block, and this machine.</summary>
internal sealed class HostRules
{
    private readonly List<string> names = [];
    private readonly List<IPNetwork> blocks = [];

    private readonly bool isLoopbackExempt;

    public HostRules(RegistryOptions options)
    {
        isLoopbackExempt = options.IsLoopbackInsecure;
        foreach (string entry in options.InsecureRegistries)
        {
            if (entry.Contains('/', StringComparison.Ordinal) && IPNetwork.TryParse(entry, out IPNetwork block))
            {
                blocks.Add(block);
            }
            else
            {
                names.Add(entry);
            }
        }
    }

    /// <summary>Whether the host is exempt; its name is only resolved where blocks are named, and one that cannot be resolved is not.</summary>
    public async Task<bool> IsInsecureAsync(Uri uri, CancellationToken cancellationToken)
    {
        string host = uri.IdnHost;
        if ((isLoopbackExempt && host == "localhost") || names.Exists(name => Matches(name, uri)))
        {
            return true;
        }

        if (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address))
        {
            return IsExempt(address);
        }

        if (blocks.Count == 0)
        {
            return false;
        }

        try
        {
            return (await Dns.GetHostAddressesAsync(host, cancellationToken)).Any(IsExempt);
        }
        catch (SocketException)
        {
            return false; // the connection itself will say why
        }
    }

    private static bool Matches(string name, Uri uri) =>
        name.Equals(uri.IdnHost, StringComparison.OrdinalIgnoreCase) || name.Equals($"{uri.IdnHost}:{uri.Port}", StringComparison.OrdinalIgnoreCase)
        || name.Equals(uri.Authority, StringComparison.OrdinalIgnoreCase);

    private bool IsExempt(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return (isLoopbackExempt && IPAddress.IsLoopback(plain)) || blocks.Exists(block => block.Contains(plain));
    }
}
