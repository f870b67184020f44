using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Networks;

/// <summary><c>berth network diagnose</c>, which docker does not have: one page about what is reachable, what lets it pass, and what stands in the way.</summary>
internal static class NetworkDiagnoseCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string format = "";
        flags.Text("format", null, "'json' prints everything as JSON; without it a page for people", value => format = value is "" or "json"
            ? value
            : throw new FlagValueException("wanted json, or nothing"));
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Tell what is reachable from outside, what lets it pass, and what stands in the way",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => RunAsync(context, format),
        };
    }

    private static async Task<int> RunAsync(CliContext context, string format)
    {
        NetworkDiagnosisAnswer found = await context.Client.DiagnoseNetworksAsync();
        context.Out.Write(format.Length == 0 ? PageOf(found) : JsonSerializer.Serialize(found, ApiJson.Context.NetworkDiagnosisAnswer) + "\n");
        return 0;
    }

    private static string PageOf(NetworkDiagnosisAnswer found)
    {
        var page = new StringBuilder();
        if (found.Findings.Count == 0)
            page.Append("Nothing stands in the way of containers' packets.\n");

        foreach (NetworkFinding finding in found.Findings)
        {
            page.Append(finding.Level == "problem" ? "PROBLEM: " : "Note: ").Append(finding.Text).Append('\n');
            if (finding.Advice.Length > 0)
                page.Append("  What to do: ").Append(finding.Advice).Append('\n');
        }

        page.Append($"\nThis host forwards IPv4: {YesNo(found.IPv4Forwarding)}, IPv6: {YesNo(found.IPv6Forwarding)}. Berth's rules: nft list table {found.Table}\n");
        Append(page, "Networks", ["NETWORK", "DRIVER", "SUBNET", "REACH"], found.Networks.Select(static network => new[] { network.Name, network.Driver, string.Join(", ", network.Subnets), network.Reach }));
        Append(page, "Reachable from outside", Columns, Rows(found, isHostOnly: false));
        Append(page, "Reachable from this host alone", Columns, Rows(found, isHostOnly: true));
        return page.ToString();
    }

    private static string[] Columns => ["AT", "LEADS TO", "CONTAINER", "NETWORK", "LET PASS BY"];

    private static IEnumerable<string[]> Rows(NetworkDiagnosisAnswer found, bool isHostOnly) => found.Reachable
        .Where(exposure => exposure.HostOnly == isHostOnly)
        .Select(static exposure => new[] { exposure.From, exposure.To, exposure.Container, exposure.Network, exposure.By });

    private static void Append(StringBuilder page, string title, string[] columns, IEnumerable<string[]> rows)
    {
        List<string> lines = [.. rows.Select(static row => string.Join('\t', row))];
        if (lines.Count > 0)
            page.Append($"\n{title}\n").Append(TabWriter.Align(string.Join('\t', columns) + "\n" + string.Join('\n', lines))).Append('\n');
    }

    private static string YesNo(bool isSo) => isSo ? "yes" : "no";
}
