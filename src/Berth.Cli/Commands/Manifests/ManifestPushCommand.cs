using Berth.Cli.Flags;
using Berth.Cli.Manifests;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Commands.Manifests;

/// <summary><c>berth manifest push</c>: a local list with its images' manifests; their blobs are taken over within the registry where they are of another repository.</summary>
internal static class ManifestPushCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        (bool insecure, bool purges) = (false, false);
        flags.Switch("insecure", null, "Allow push to an insecure registry", value => insecure = value);
        flags.Switch("purge", 'p', "Remove the local manifest list after push", value => purges = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] MANIFEST_LIST",
            Summary = "Push a manifest list to a repository",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = (context, names) => RunAsync(context, ManifestCommands.Parse(names[0]), insecure, purges),
        };
    }

    private static async Task<int> RunAsync(CliContext context, ImageReference list, bool insecure, bool purges)
    {
        var store = new ManifestStore(context);
        List<ManifestEntry> entries = store.Read(list);
        if (entries.Count == 0)
            throw new CommandFailedException("No such manifest: " + list.Familiar, exitCode: 1);

        foreach (ManifestEntry entry in entries)
            Check(list, entry);

        using var source = new ManifestSource(context, usesMirrors: false, insecure ? [list.Domain] : []);
        try
        {
            RegistryRepository target = source.Open(list);
            foreach (ManifestEntry entry in entries)
            {
                await TakeBlobsAsync(source, target, entry);
                await target.PushManifestAsync(entry.Digest.ToString(), entry.MediaType, entry.Raw, CancellationToken.None);
                context.Out.WriteLine($"Pushed ref {list.Repository}@{entry.Digest} with digest: {entry.Digest}");
                context.Out.Flush();
            }

            Digest digest = await target.PushManifestAsync(list.Tag ?? list.Digest.ToString(), ManifestEntry.ListTypeOf(entries), ManifestEntry.ToList(entries), CancellationToken.None);
            context.Out.WriteLine(digest.ToString());
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }

        if (purges)
            store.Remove(list);

        return 0;
    }

    private static void Check(ImageReference list, ManifestEntry entry)
    {
        if (entry.Platform.Architecture.Length == 0 || entry.Platform.Os.Length == 0)
            throw new CommandFailedException($"manifest {entry.Reference} must have an OS and Architecture to be pushed to a registry", exitCode: 1);

        ImageReference image = ManifestCommands.Parse(entry.Reference);
        if (image.Domain != list.Domain)
            throw new CommandFailedException($"cannot use source images from a different registry than the target image: {image.Domain} != {list.Domain}", exitCode: 1);
    }

    private static async Task TakeBlobsAsync(ManifestSource source, RegistryRepository target, ManifestEntry entry)
    {
        ImageReference image = ManifestCommands.Parse(entry.Reference);
        if (image.Repository == target.Name.Repository)
            return;

        RegistryRepository origin = source.Open(image);
        ImageManifest manifest = ImageDocuments.ReadManifest(entry.Raw, entry.Reference);
        foreach (Descriptor blob in manifest.Layers.Append(manifest.Config).DistinctBy(static blob => blob.Digest))
        {
            if (MediaTypes.IsForeignLayer(blob.MediaType))
                continue;

            await target.PushBlobAsync(
                blob, offset => origin.OpenBlobAsync(blob, new BlobRead { Offset = offset, Verifies = offset == 0 }, CancellationToken.None).GetAwaiter().GetResult(), [image.Path], sent: null, CancellationToken.None);
        }
    }
}
