using System.Globalization;
using Berth.Api;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth port</c>.</summary>
internal static class PortCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
        Summary = "List port mappings or a specific mapping for the container",
        Aliases = ["container port", "port"],
        Flags = new FlagSet(),
        Arguments = new ArgumentCount(1, 2),
        RunAsync = RunAsync,
    };

    private static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        ContainerInspect container = await context.Client.InspectContainerAsync(arguments[0]);
        Dictionary<string, List<PortBinding>?> ports = container.NetworkSettings?.Ports ?? [];
        IEnumerable<string> lines = arguments.Count > 1 ? Of(ports, arguments[0], arguments[1]) : All(ports);
        foreach (string line in lines)
            context.Out.WriteLine(line);

        return 0;
    }

    private static IEnumerable<string> Of(Dictionary<string, List<PortBinding>?> ports, string container, string port)
    {
        string[] parts = port.Split('/', 2);
        string protocol = parts.Length > 1 && parts[1].Length > 0 ? parts[1] : "tcp";
        if (!ushort.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort number))
        {
            bool digits = parts[0].Length > 0 && parts[0].All(char.IsAsciiDigit);
            throw new CommandFailedException(
                $"Error: invalid port ({parts[0]}): strconv.ParseUint: parsing \"{parts[0]}\": {(digits ? "value out of range" : "invalid syntax")}", exitCode: 1);
        }

        return ports.GetValueOrDefault($"{number}/{protocol}") is { Count: > 0 } bindings
            ? bindings.Select(Address).Order(StringComparer.Ordinal)
            : throw new CommandFailedException($"Error: No public port '{port}' published for {container}", exitCode: 1);
    }

    private static IEnumerable<string> All(Dictionary<string, List<PortBinding>?> ports) =>
        ports.SelectMany(port => (port.Value ?? []).Select(binding => (Number: Number(port.Key), Line: $"{port.Key} -> {Address(binding)}")))
            .OrderBy(item => item.Number).ThenBy(item => item.Line, StringComparer.Ordinal).Select(item => item.Line);

    private static int Number(string port) => int.TryParse(port.Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    private static string Address(PortBinding binding) => binding.HostIp.Contains(':', StringComparison.Ordinal)
        ? $"[{binding.HostIp}]:{binding.HostPort}"
        : $"{binding.HostIp}:{binding.HostPort}";
}
