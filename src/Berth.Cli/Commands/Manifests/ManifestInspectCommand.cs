using System.Text;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Manifests;
using Berth.Model;

namespace Berth.Cli.Commands.Manifests;

/// <summary><c>berth manifest inspect</c>: a local list where there is one of that name, else what the registry has.</summary>
internal static class ManifestInspectCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        (bool insecure, bool verbose) = (false, false);
        flags.Switch("insecure", null, "Allow communication with an insecure registry", value => insecure = value);
        flags.Switch("verbose", 'v', "Output additional info including layers and platform", value => verbose = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] [MANIFEST_LIST] MANIFEST",
            Summary = "Display an image manifest, or manifest list",
            Flags = flags,
            Arguments = new ArgumentCount(1, 2),
            RunAsync = async (context, names) =>
            {
                context.Out.WriteLine(await DescribeAsync(context, names, insecure, verbose));
                return 0;
            },
        };
    }

    private static async Task<string> DescribeAsync(CliContext context, IReadOnlyList<string> names, bool insecure, bool verbose)
    {
        var store = new ManifestStore(context);
        ImageReference image = ManifestCommands.Parse(names[^1]);
        if (names.Count == 2)
        {
            ManifestEntry entry = store.Find(ManifestCommands.Parse(names[0]), image) ?? throw new CommandFailedException("No such manifest: " + image.Familiar, exitCode: 1);
            return One(entry, verbose);
        }

        if (store.Read(image) is { Count: > 0 } local)
            return Several(local, verbose);

        using var source = new ManifestSource(context, usesMirrors: true, insecure ? [image.Domain] : []);
        (bool isList, List<ManifestEntry> entries) = await source.ReadAsync(image);
        return isList ? Several(entries, verbose) : One(entries[0], verbose);
    }

    private static string One(ManifestEntry entry, bool verbose)
    {
        if (verbose)
            return ManifestEntry.Indent(entry.Write);

        using JsonDocument manifest = JsonDocument.Parse(entry.Raw);
        return ManifestEntry.Indent(manifest.WriteTo);
    }

    private static string Several(List<ManifestEntry> entries, bool verbose) => !verbose ? Encoding.UTF8.GetString(ManifestEntry.ToList(entries)) : ManifestEntry.Indent(writer =>
    {
        writer.WriteStartArray();
        entries.ForEach(entry => entry.Write(writer));
        writer.WriteEndArray();
    });
}
