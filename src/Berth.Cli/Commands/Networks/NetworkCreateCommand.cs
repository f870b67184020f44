using Berth.Api;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Networks;

/// <summary><c>berth network create</c>.</summary>
internal sealed class NetworkCreateCommand
{
    private readonly NetworkCreateRequest request = new() { Driver = "bridge", IPAM = new NetworkIpam { Driver = "default" } };
    private readonly List<string> labels = [];
    private readonly List<string> options = [];
    private readonly List<string> ipamOptions = [];
    private readonly List<string> auxiliary = [];
    private readonly List<string> subnets = [];
    private readonly List<string> ranges = [];
    private readonly List<string> gateways = [];
    private string configFrom = "";

    public static Command Create(string path)
    {
        var create = new NetworkCreateCommand();
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] NETWORK",
            Summary = "Create a network",
            Flags = create.Declare(),
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = create.RunAsync,
        };
    }

    private FlagSet Declare()
    {
        var flags = new FlagSet();
        flags.Switch("attachable", null, "Enable manual container attachment", value => request.Attachable = value);
        flags.Add(new Flag("aux-address", null, "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver", "map[]", auxiliary.Add));
        flags.Text("config-from", null, "The network from which to copy the configuration", value => configFrom = value);
        flags.Switch("config-only", null, "Create a configuration only network", value => request.ConfigOnly = value);
        flags.Text("driver", 'd', "Driver to manage the Network", value => request.Driver = value, defaultText: "\"bridge\"");
        flags.Texts("gateway", "IPv4 or IPv6 Gateway for the master subnet", gateways);
        flags.Switch("ingress", null, "Create swarm routing-mesh network", value => request.Ingress = value);
        flags.Switch("internal", null, "Restrict external access to the network", value => request.Internal = value);
        flags.Texts("ip-range", "Allocate container ip from a sub-range", ranges);
        flags.Text("ipam-driver", null, "IP Address Management Driver", value => request.IPAM!.Driver = value, defaultText: "\"default\""); // set above
        flags.Add(new Flag("ipam-opt", null, "map", "Set IPAM driver specific options", "map[]", ipamOptions.Add));
        flags.Switch("ipv4", null, "Enable or disable IPv4 address assignment", value => request.EnableIPv4 = value, defaultText: "true");
        flags.Switch("ipv6", null, "Enable or disable IPv6 address assignment", value => request.EnableIPv6 = value);
        flags.List("label", null, "Set metadata on a network", labels, check: Values.Label);
        flags.Add(new Flag("opt", 'o', "map", "Set driver specific options", "map[]", options.Add));
        flags.Text("scope", null, "Control the network's scope", value => request.Scope = value);
        flags.Texts("subnet", "Subnet in CIDR format that represents a network segment", subnets);
        return flags;
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        request.Name = arguments[0];
        request.ConfigFrom = configFrom.Length > 0 ? new NetworkConfigReference { Network = configFrom } : null;
        request.Options = Values.Map(options);
        request.Labels = Values.Map(labels);
        request.IPAM!.Options = Values.Map(ipamOptions); // set above
        request.IPAM.Config = NetworkRanges.Combine(subnets, ranges, gateways, Values.Map(auxiliary));
        NetworkCreateResponse created = await context.Client.CreateNetworkAsync(request);
        context.Out.WriteLine(created.Id);
        return 0;
    }
}
