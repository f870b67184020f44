using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>The network namespace of a daemon with <see cref="RunningDaemon.OwnNetwork"/>, which stands for the host's, and its containers seen from there.</summary>
internal sealed partial class HostNamespace(RunningDaemon daemon)
{
    /// <summary>Runs a command in it.</summary>
    public async Task<CommandResult> RunAsync(params string[] command)
    {
        var info = new ProcessStartInfo("nsenter", ["--net=" + daemon.NamespacePath, .. command])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        await using var session = new CliSession(info);
        session.CloseInput();
        return await session.WaitAsync();
    }

    /// <summary>What a web server says at an address, as soon as it listens.</summary>
    public async Task<string> FetchAsync(string url)
    {
        CommandResult? result = null;
        await Poll.UntilAsync(async () => (result = await RunAsync("timeout", "5", Binaries.Busybox, "wget", "-qO-", url)).ExitCode == 0, $"an answer of {url}", 30);
        return result!.Line; // the last attempt
    }

    /// <summary>Whether nothing can be fetched there; to be asked when what would answer is known to listen.</summary>
    public async Task<bool> IsClosedAsync(string url) => (await RunAsync("timeout", "1", Binaries.Busybox, "wget", "-qO-", url)).ExitCode != 0;

    /// <summary>The same from within a container.</summary>
    public async Task<string> FetchFromAsync(string container, string url)
    {
        CommandResult? result = null;
        await Poll.UntilAsync(async () => (result = await ExecAsync(container, "timeout", "5", "wget", "-qO-", url)).ExitCode == 0, $"an answer of {url} in {container}", 30);
        return result!.Line; // the last attempt
    }

    public async Task<bool> IsClosedFromAsync(string container, string url) => (await ExecAsync(container, "timeout", "1", "wget", "-qO-", url)).ExitCode != 0;

    /// <summary>Runs a command in a container.</summary>
    public Task<CommandResult> ExecAsync(string container, params string[] command) => daemon.Client(Clients.Berth).RunAsync(["exec", container, .. command], stdin: null);

    /// <summary>Starts a container that sleeps.</summary>
    public Task RunSleepingAsync(string name, params string[] options) => StartAsync(name, options, "sleep", "10000");

    /// <summary>Starts a container whose web server tells its name at <c>/hostname</c> on port 80.</summary>
    public Task RunServerAsync(string name, params string[] options) => StartAsync(name, ["--hostname", name, .. options], "httpd", "-f", "-p", "80", "-h", "/etc");

    /// <summary>What <c>inspect</c> says of a container.</summary>
    public async Task<JsonNode> InspectAsync(string name) => (await daemon.Api.GetAsync($"/containers/{name}/json")).Expect(HttpStatusCode.OK).Json;

    /// <summary>A container's place in a network; null when it is not in it.</summary>
    public async Task<JsonNode?> EndpointAsync(string name, string network) => (await InspectAsync(name))["NetworkSettings"]!["Networks"]![network]; // an answer has both

    /// <summary>A container's IPv4 address in a network, "" when it has none.</summary>
    public async Task<string> AddressAsync(string name, string network) => (string?)(await EndpointAsync(name, network))?["IPAddress"] ?? "";

    /// <summary>The namespace file of a container that runs.</summary>
    public async Task<string> NamespaceOfAsync(string name) => $"/proc/{((int)(await InspectAsync(name))["State"]!["Pid"]!).ToString(CultureInfo.InvariantCulture)}/ns/net"; // an answer has both

    /// <summary>The addresses that a container's resolver has for a name, in its order; none: it knows no such name.</summary>
    public async Task<string[]> LookUpAsync(string container, string name)
    {
        string text = (await ExecAsync(container, "nslookup", "-type=a", name)).Output;
        return [.. text.Split('\n').SkipWhile(static line => !line.StartsWith("Name:", StringComparison.Ordinal))
            .Where(static line => line.StartsWith("Address:", StringComparison.Ordinal)).Select(static line => line["Address:".Length..].Trim())];
    }

    /// <summary>What networks are in the kernel, in an order of its own: names of links, routes, and rules; without what changes by itself (carriers, link-local addresses).</summary>
    public async Task<string> KernelAsync()
    {
        // Links of containers that have ended may be on their way out.
        for (int i = 0; i < 100 && await LinksAsync() != await EndpointsAsync(); i++)
        {
            await Task.Delay(50);
        }

        return await ReadKernelAsync();
    }

    private async Task<int> LinksAsync() => (await RunAsync("ip", "-brief", "link")).Expect().Output.Split('\n').Count(static line => line.StartsWith("bv", StringComparison.Ordinal));

    private async Task<int> EndpointsAsync()
    {
        int count = 0;
        foreach (JsonNode? network in (await daemon.Api.GetAsync("/networks")).Expect(HttpStatusCode.OK).Json.AsArray().Where(static network => (string?)network!["Driver"] == "bridge")) // a list has no nulls
        {
            count += (await daemon.Api.GetAsync($"/networks/{network!["Id"]}")).Expect(HttpStatusCode.OK).Json["Containers"]!.AsObject().Count; // as above
        }

        return count;
    }

    private async Task<string> ReadKernelAsync()
    {
        string links = (await RunAsync("ip", "-brief", "link")).Expect().Output;
        string routes = (await RunAsync("sh", "-c", "ip route show table all; ip -6 route show table all")).Expect().Output;
        string rules = (await RunAsync("nft", "list", "ruleset")).Expect().Output.Replace("\n}\n", "\n\n", StringComparison.Ordinal);
        return string.Join(
            "\n",
            Sorted(links.Split('\n').Select(static line => line.Split(' ')[0])),
            Sorted(routes.Replace(" linkdown", "", StringComparison.Ordinal).Split('\n').Where(static line => !line.Contains("fe80:", StringComparison.Ordinal) && !line.Contains("ff00:", StringComparison.Ordinal))),
            Sorted(Elements().Replace(Jumps().Replace(rules, static found => Sorted(found.Value.Split('\n')) + "\n"), static found => $"elements = {Sorted(found.Groups[1].Value.Split(','))}").Split("\n\n")));

        static string Sorted(IEnumerable<string> parts) => string.Join('\n', parts.Select(static part => part.Trim()).Where(static part => part.Length > 0).Order(StringComparer.Ordinal));
    }

    /// <summary>Waits until the kernel is as it was: the links of a namespace that has ended go on a thread of the kernel's.</summary>
    public async Task ExpectKernelAsync(string wanted, string which = "")
    {
        string now = await ReadKernelAsync();
        for (int i = 0; i < 100 && now != wanted; i++)
        {
            await Task.Delay(50);
            now = await ReadKernelAsync();
        }

        Assert.True(now == wanted, $"{which}\n--- wanted\n{wanted}\n--- got\n{now}\n--- berthd.log\n{daemon.Log}");
    }

    // Which network comes first is no matter.
    [GeneratedRegex("(\\t+jump source-[0-9a-f]+\n)+")]
    private static partial Regex Jumps();

    [GeneratedRegex("elements = \\{([^}]*)\\}")]
    private static partial Regex Elements();

    private async Task StartAsync(string name, string[] options, params string[] command) =>
        (await daemon.Client(Clients.Berth).RunAsync(["run", "-d", "--name", name, .. options, "busybox", .. command], stdin: null)).Expect();
}
