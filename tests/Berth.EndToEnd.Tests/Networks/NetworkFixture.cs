using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>A daemon in a network namespace of its own, which stands for the host's.</summary>
public sealed class NetworkFixture() : DaemonFixture(RunningDaemon.OwnNetwork)
{
    internal HostNamespace Host => new(Daemon);

    /// <summary>Makes a network of a name that nobody else uses.</summary>
    public async Task<string> NewNetworkAsync(params string[] options)
    {
        string name = NewName();
        (await Berth.RunAsync(["network", "create", .. options, name], stdin: null)).Expect();
        return name;
    }

    /// <summary>Removes containers, then networks.</summary>
    public async Task RemoveAsync(string[] containers, params string[] networks)
    {
        (await Berth.RunAsync(["rm", "-f", .. containers], stdin: null)).Expect();
        foreach (string network in networks)
        {
            (await Berth.RunAsync("network", "rm", network)).Expect();
        }
    }

    public async Task<JsonNode> InspectNetworkAsync(string name) => (await Api.GetAsync($"/networks/{name}")).Expect(HttpStatusCode.OK).Json;
}
