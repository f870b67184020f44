using Berth.Model;

namespace Berth.Engine.Networks;

/// <summary>Kernel settings of one interface: docker's driver option <c>com.docker.network.endpoint.sysctls</c>.</summary>
public static class EndpointSysctls
{
    private const string Option = "com.docker.network.endpoint.sysctls";

    /// <summary>Refuses what no network of the engine's own knows; a plugin gets every option.</summary>
    /// <exception cref="EngineException">NotImplemented for another option.</exception>
    public static void ThrowIfOther(IReadOnlyDictionary<string, string> options)
    {
        if (options.Keys.FirstOrDefault(static name => name != Option) is { } other)
        {
            throw new EngineException(ErrorKind.NotImplemented, $"the endpoint's driver option {other} is not supported; leave it out");
        }
    }

    /// <summary>Reads <c>net.ipv4.conf.IFNAME.name=value,...</c>.</summary>
    /// <exception cref="EngineException">InvalidArgument for what sets nothing of an interface. Other options are not looked at.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Parse(IReadOnlyDictionary<string, string> options)
    {
        var result = new List<KeyValuePair<string, string>>();
        foreach (string entry in options.GetValueOrDefault(Option, "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? entry : entry[..equals];
            string[] parts = key.Split('.');
            if (equals < 0 || parts is not ["net", "ipv4" or "ipv6" or "mpls", "conf" or "neigh", "IFNAME", _])
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid endpoint sysctl setting '{entry}': wanted net.ipv4.conf.IFNAME.NAME=VALUE, or ipv6, or neigh in place of conf");
            }

            result.Add(new(key, entry[(equals + 1)..]));
        }

        return result;
    }
}
