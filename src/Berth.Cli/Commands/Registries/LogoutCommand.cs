using Berth.Cli.Flags;
using Berth.Cli.Registries;

namespace Berth.Cli.Commands.Registries;

/// <summary><c>berth logout</c>.</summary>
internal static class LogoutCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "[SERVER]",
        Summary = "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
        Flags = new FlagSet(),
        Arguments = ArgumentCount.AtMost(1),
        RunAsync = (context, servers) => Task.FromResult(Run(context, servers.Count == 0 ? "" : servers[0])),
    };

    private static int Run(CliContext context, string server)
    {
        string key = RegistryKey.OfServer(server);
        context.Out.WriteLine("Removing login credentials for " + key);
        context.Out.Flush();
        RegistryCredentials credentials = RegistryCredentials.Open(context.ConfigPath);
        string[] spellings = key == RegistryKey.DockerHub ? [key] : [.. new[] { key, server, "http://" + key, "https://" + key }.Distinct(StringComparer.Ordinal)];
        var problems = new List<string>();
        foreach (string spelling in spellings)
        {
            try
            {
                credentials.Erase(spelling);
            }
            catch (CommandFailedException exception)
            {
                problems.Add($"{spelling}: {exception.Message}");
            }
        }

        // A keeper may refuse to forget what it does not know, so one success is enough.
        if (problems.Count == spellings.Length)
            context.Say("WARNING: could not erase credentials:\n" + string.Join('\n', problems));

        return 0;
    }
}
