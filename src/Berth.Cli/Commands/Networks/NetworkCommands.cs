using Berth.Api;
using Berth.Cli.Commands.Engine;
using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Commands.Networks;

/// <summary>The verbs of <c>berth network</c>; those of a few lines are here.</summary>
internal static class NetworkCommands
{
    private const string IngressWarning = "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same docker engine version. "
        + "Otherwise, removal may not be effective and functionality of newly create ingress networks will be impaired.\nAre you sure you want to continue?";

    public static IReadOnlyList<string> Verbs { get; } = ["connect", "create", "diagnose", "disconnect", "inspect", "ls", "prune", "rm"];

    public static Command? Create(string verb, string path) => verb switch
    {
        "connect" => NetworkConnectCommand.Create(path),
        "create" => NetworkCreateCommand.Create(path),
        "diagnose" => NetworkDiagnoseCommand.Create(path),
        "disconnect" => CreateDisconnect(path),
        "inspect" => InspectCommand.Create(path, InspectCommand.Scope.Network),
        "ls" or "list" => NetworkListCommand.Create(path),
        "prune" => PruneReport.CreateCommand(
            path, "Remove all unused networks", new FlagSet(), () => "WARNING! This will remove all custom networks not used by at least one container.", PruneAsync, tellsSpace: false),
        "rm" or "remove" => CreateRemove(path),
        _ => null,
    };

    /// <summary>Removes the networks of users' own that no container is in; what was removed as text.</summary>
    public static async Task<PruneReport> PruneAsync(CliContext context, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        IReadOnlyList<string> names = await context.Client.PruneNetworksAsync(filters);
        return new PruneReport(names.Count == 0 ? "" : $"Deleted Networks:\n{string.Join('\n', names)}\n", 0);
    }

    private static Command CreateDisconnect(string path)
    {
        var flags = new FlagSet();
        bool force = false;
        flags.Switch("force", 'f', "Force the container to disconnect from a network", value => force = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] NETWORK CONTAINER",
            Summary = "Disconnect a container from a network",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = async (context, arguments) =>
            {
                await context.Client.DisconnectNetworkAsync(arguments[0], new NetworkDisconnectRequest { Container = arguments[1], Force = force });
                return 0;
            },
        };
    }

    private static Command CreateRemove(string path)
    {
        var flags = new FlagSet();
        bool force = false;
        flags.Switch("force", 'f', "Do not error if the network does not exist", value => force = value);
        return new Command
        {
            Path = path,
            Usage = "NETWORK [NETWORK...]",
            Summary = "Remove one or more networks",
            Aliases = ["network rm", "network remove"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, names) => RemoveAsync(context, names, force),
        };
    }

    private static async Task<int> RemoveAsync(CliContext context, IReadOnlyList<string> names, bool force)
    {
        bool failed = false;
        foreach (string name in names)
        {
            if (await IsIngressAsync(context, name) && !Confirmation.Ask(context, IngressWarning))
                continue;

            try
            {
                await context.Client.RemoveNetworkAsync(name);
                context.Out.WriteLine(name);
                context.Out.Flush();
            }
            catch (EngineException exception) when (!(force && exception.Kind == ErrorKind.NotFound))
            {
                failed = true;
                context.Say(ErrorText.Of(exception));
            }
            catch (EngineException)
            {
                // Gone already, as wanted.
            }
        }

        return failed ? throw new CommandFailedException("exit status 1", exitCode: 1) : 0;
    }

    private static async Task<bool> IsIngressAsync(CliContext context, string name)
    {
        try
        {
            return (await context.Client.InspectNetworkAsync(name)).Ingress;
        }
        catch (EngineException)
        {
            return false; // the removal says what is wrong
        }
    }
}
