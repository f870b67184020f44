using Berth.Cli.Flags;
using Berth.Cli.Manifests;
using Berth.Model;

namespace Berth.Cli.Commands.Manifests;

/// <summary>The verbs of <c>berth manifest</c>: lists are made in a folder of the user's and pushed by this program itself, without the daemon.</summary>
internal static class ManifestCommands
{
    public const string Summary = "Manage Docker image manifests and manifest lists";

    public static IReadOnlyList<string> Verbs { get; } = ["annotate", "create", "inspect", "push", "rm"];

    public static Command? Create(string verb, string path) => verb switch
    {
        "annotate" => ManifestAnnotateCommand.Create(path),
        "create" => CreateCreate(path),
        "inspect" => ManifestInspectCommand.Create(path),
        "push" => ManifestPushCommand.Create(path),
        "rm" => CreateRemove(path),
        _ => null,
    };

    /// <summary>A name with its default tag.</summary>
    /// <exception cref="CommandFailedException">It is none.</exception>
    public static ImageReference Parse(string name) =>
        ImageReference.TryParse(name, out ImageReference image, out string? problem) ? image.WithDefaultTag() : throw new CommandFailedException(problem, exitCode: 1);

    private static Command CreateCreate(string path)
    {
        var flags = new FlagSet();
        (bool amends, bool insecure) = (false, false);
        flags.Switch("amend", 'a', "Amend an existing manifest list", value => amends = value);
        flags.Switch("insecure", null, "Allow communication with an insecure registry", value => insecure = value);
        return new Command
        {
            Path = path,
            Usage = "MANIFEST_LIST MANIFEST [MANIFEST...]",
            Summary = "Create a local manifest list for annotating and pushing to a registry",
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(2),
            RunAsync = (context, names) => CreateAsync(context, [.. names.Select(Parse)], amends, insecure),
        };
    }

    private static async Task<int> CreateAsync(CliContext context, ImageReference[] names, bool amends, bool insecure)
    {
        var store = new ManifestStore(context);
        ImageReference list = names[0];
        if (!amends && store.Read(list).Count > 0)
            throw new CommandFailedException("refusing to amend an existing manifest list with no --amend flag", exitCode: 1);

        using var source = new ManifestSource(context, usesMirrors: false, insecure ? [.. names.Select(static name => name.Domain).Distinct(StringComparer.Ordinal)] : []);
        foreach (ImageReference image in names[1..])
        {
            if (store.Find(list, image) is not null)
                continue;

            (bool isList, List<ManifestEntry> entries) = await source.ReadAsync(image);
            if (isList)
                throw new CommandFailedException($"{image.Familiar} is a manifest list", exitCode: 1);

            store.Write(list, image, entries[0]);
        }

        context.Out.WriteLine("Created manifest list " + list.Familiar);
        return 0;
    }

    private static Command CreateRemove(string path) => new()
    {
        Path = path,
        Usage = "MANIFEST_LIST [MANIFEST_LIST...]",
        Summary = "Delete one or more manifest lists from local storage",
        Flags = new FlagSet(),
        Arguments = ArgumentCount.AtLeast(1),
        RunAsync = (context, names) =>
        {
            var store = new ManifestStore(context);
            var missing = new List<string>();
            foreach (ImageReference list in names.Select(Parse))
            {
                if (!store.Remove(list))
                    missing.Add("No such manifest: " + list.Familiar);
            }

            return missing.Count == 0 ? Task.FromResult(0) : throw new CommandFailedException(string.Join('\n', missing), exitCode: 1);
        },
    };
}
