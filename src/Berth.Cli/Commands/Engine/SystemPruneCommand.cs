using System.Text;
using System.Text.Json;
using Berth.Cli.Commands.Builds;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Commands.Images;
using Berth.Cli.Commands.Networks;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth system prune</c>: containers, networks, volumes when asked for, images, build cache; each kind that the daemon has.</summary>
internal sealed class SystemPruneCommand
{
    private readonly List<KeyValuePair<string, string>> filters = [];
    private readonly List<string> filterTexts = [];
    private bool all;
    private bool force;
    private bool volumes;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var prune = new SystemPruneCommand();
        flags.Switch("all", 'a', "Remove all unused images not just dangling ones", value => prune.all = value);
        flags.Add(new Flag("filter", null, "filter", "Provide filter values (e.g. \"label=<key>=<value>\")", null, text =>
        {
            KeyValuePair<string, string> filter = Values.Filter(text);
            prune.filters.Add(filter);
            prune.filterTexts.Add($"{filter.Key}={filter.Value}");
        }));
        flags.Switch("force", 'f', "Do not prompt for confirmation", value => prune.force = value);
        flags.Switch("volumes", null, "Prune anonymous volumes", value => prune.volumes = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Remove unused data",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => prune.RunAsync(context),
        };
    }

    private async Task<int> RunAsync(CliContext context)
    {
        if (volumes && filters.Exists(filter => filter.Key == "until"))
            throw new CommandFailedException("ERROR: The \"until\" filter is not supported with \"--volumes\"", exitCode: 1);

        if (!force && !Confirmation.Ask(context, Question()))
            return 0;

        long total = 0;
        foreach (Func<Task<PruneReport>> step in Steps(context))
        {
            PruneReport report = await step();
            total += report.Bytes;
            context.Out.Write(report.Text.Length == 0 ? "" : report.Text + "\n");
            context.Out.Flush();
        }

        context.Out.WriteLine("Total reclaimed space: " + Units.ExactSize(total));
        return 0;
    }

    private IEnumerable<Func<Task<PruneReport>>> Steps(CliContext context)
    {
        yield return () => PruneCommand.RunAsync(context, filters);
        yield return () => IfBuiltAsync(() => NetworkCommands.PruneAsync(context, filters));
        if (volumes)
            yield return () => IfBuiltAsync(() => PruneAsync(context, "/volumes/prune", "Deleted Volumes:", "VolumesDeleted"));

        yield return () => ImagePruneCommand.RunAsync(context, all, filters);
        yield return () => IfBuiltAsync(() => BuilderPruneCommand.RunAsync(context, all, keepBytes: 0, filters));
    }

    private async Task<PruneReport> PruneAsync(CliContext context, string path, string title, string member)
    {
        using JsonDocument answer = JsonDocument.Parse(await context.Client.PostRawAsync(path, filters));
        string[] names = [.. answer.RootElement.Items(member).Select(item => item.GetString() ?? "")];
        return new PruneReport(names.Length == 0 ? "" : $"{title}\n{string.Join('\n', names)}\n", answer.RootElement.Number("SpaceReclaimed"));
    }

    /// <summary>A daemon that does not have a kind of object (it answers 501, or 404 for its path) has none to remove.</summary>
    private static async Task<PruneReport> IfBuiltAsync(Func<Task<PruneReport>> prune)
    {
        try
        {
            return await prune();
        }
        catch (EngineException exception) when (exception.Kind is ErrorKind.NotImplemented or ErrorKind.NotFound)
        {
            return new PruneReport("", 0);
        }
    }

    private string Question()
    {
        var text = new StringBuilder("WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n");
        if (volumes)
            text.Append("  - all anonymous volumes not used by at least one container\n");

        text.Append(all ? "  - all images without at least one container associated to them\n  - all build cache\n" : "  - all dangling images\n  - unused build cache\n");
        if (filterTexts.Count > 0)
        {
            text.Append("\n  Items to be pruned will be filtered with:\n");
            foreach (string filter in filterTexts.Order(StringComparer.Ordinal))
                text.Append("  - ").Append(filter).Append('\n');
        }

        return text.Append("\nAre you sure you want to continue?").ToString();
    }
}
