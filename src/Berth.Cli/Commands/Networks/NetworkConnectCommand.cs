using Berth.Api;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Networks;

/// <summary><c>berth network connect</c>.</summary>
internal sealed class NetworkConnectCommand
{
    private readonly List<string> aliases = [];
    private readonly List<string> driverOptions = [];
    private readonly List<string> links = [];
    private readonly List<string> linkLocalAddresses = [];
    private string? ip4;
    private string? ip6;
    private int gatewayPriority;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var connect = new NetworkConnectCommand();
        flags.Texts("alias", "Add network-scoped alias for the container", connect.aliases);
        flags.Texts("driver-opt", "driver options for the network", connect.driverOptions);
        flags.Number("gw-priority", null, "Highest gw-priority provides the default gateway. Accepts positive and negative values.", value => connect.gatewayPriority = Values.Int(value));
        flags.Text("ip", null, "IPv4 address (e.g., \"172.30.100.104\")", value => connect.ip4 = value);
        flags.Text("ip6", null, "IPv6 address (e.g., \"2001:db8::33\")", value => connect.ip6 = value);
        flags.List("link", null, "Add link to another container", connect.links, check: Values.Link);
        flags.Texts("link-local-ip", "Add a link-local address for the container", connect.linkLocalAddresses);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] NETWORK CONTAINER",
            Summary = "Connect a container to a network",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = connect.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        await context.Client.ConnectNetworkAsync(arguments[0], new NetworkConnectRequest
        {
            Container = arguments[1],
            EndpointConfig = new EndpointSettings
            {
                IPAMConfig = new EndpointIpamConfig
                {
                    IPv4Address = string.IsNullOrEmpty(ip4) ? null : ip4,
                    IPv6Address = string.IsNullOrEmpty(ip6) ? null : ip6,
                    LinkLocalIPs = linkLocalAddresses.Count > 0 ? linkLocalAddresses : null,
                },
                Links = links.Count > 0 ? links : null,
                Aliases = aliases,
                DriverOpts = DriverOptions(),
                GwPriority = gatewayPriority,
            },
        });
        return 0;
    }

    private Dictionary<string, string> DriverOptions()
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string option in driverOptions)
        {
            int equals = option.IndexOf('=');
            string key = equals < 0 ? "" : option[..equals].Trim();
            if (key.Length == 0)
                throw new CommandFailedException("invalid key/value pair format in driver options", exitCode: 1);

            map[key] = option[(equals + 1)..].Trim();
        }

        return map;
    }
}
