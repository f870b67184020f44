using System.Text;
using Berth.Cli.Archives;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth cp</c>.</summary>
internal sealed class CopyCommand
{
    private const string Standard = "-";

    private bool keepOwners;
    private bool followLink;
    private bool? quiet;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var copy = new CopyCommand();
        flags.Switch("archive", 'a', "Archive mode (copy all uid/gid information)", value => copy.keepOwners = value);
        flags.Switch("follow-link", 'L', "Always follow symbol link in SRC_PATH", value => copy.followLink = value);
        flags.Switch("quiet", 'q', "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached", value => copy.quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tberth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
            Summary = "Copy files/folders between a container and the local filesystem\n\nUse '-' as the source to read a tar archive from stdin\n"
                + "and extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
            Aliases = ["container cp", "cp"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = copy.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        if (arguments[0].Length == 0 || arguments[1].Length == 0)
            throw new CommandFailedException($"{(arguments[0].Length == 0 ? "source" : "destination")} can not be empty", exitCode: 1);

        (string from, string source) = Split(arguments[0]);
        (string to, string target) = Split(arguments[1]);
        try
        {
            switch (from.Length > 0, to.Length > 0)
            {
                case (true, true):
                    throw new CommandFailedException("copying between containers is not supported", exitCode: 1);
                case (true, false):
                    await CopyOutAsync(context, from, source, target);
                    return 0;
                case (false, true):
                    await CopyInAsync(context, to, source, target);
                    return 0;
                default:
                    throw new CommandFailedException("must specify at least one container source", exitCode: 1);
            }
        }
        catch (TarException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    /// <summary>Container and path; no container for a local path, which may have a colon after a slash or a leading dot.</summary>
    private static (string Container, string Path) Split(string argument)
    {
        int colon = argument.IndexOf(':');
        return colon < 0 || argument[0] is '/' or '.' ? ("", argument) : (argument[..colon], argument[(colon + 1)..]);
    }

    private async Task CopyOutAsync(CliContext context, string container, string source, string target)
    {
        if (target != Standard)
        {
            target = CopyEnd.Absolute(target);
            CheckTarget(target);
        }

        string? name = null;
        if (followLink)
            (source, name) = await FollowAsync(context, container, source);

        (ResponseStream archive, ContainerPathStat stat) = await context.Client.OpenContainerArchiveAsync(container, source);
        using (archive)
        {
            if (target == Standard)
            {
                CopyTo(archive, context.Out.Bytes);
                return;
            }

            var sourceEnd = new CopyEnd(source, Exists: true, stat.IsFolder, name);
            CopyPlan plan = CopyPlan.Make(sourceEnd, CopyEnd.LocalTarget(target));
            string given = GoPath.Split(source).Base;
            bool isNamed = given is not ("." or "/" or "..");
            var names = new EntryNames(isNamed ? given : null, plan.Name ?? (isNamed ? name ?? given : null));
            var input = new TarInput(archive.Read);
            using (var unpacker = new FolderUnpacker(GoPath.Clean(plan.Folder), names))
                unpacker.Unpack(input);

            input.Drain();
            Report(context, input.Position, target);
        }
    }

    private async Task CopyInAsync(CliContext context, string container, string source, string target)
    {
        CopyEnd targetEnd = await ContainerTargetAsync(context, container, target);
        if (source == Standard)
        {
            if (!targetEnd.IsFolder)
                throw new CommandFailedException($"destination \"{container}:{target}\" must be a directory", exitCode: 1);

            using var stdin = new StandardStream(0);
            await context.Client.PutContainerArchiveAsync(container, targetEnd.Path, stdin, keepOwners);
            return;
        }

        CopyEnd sourceEnd = CopyEnd.LocalSource(CopyEnd.Absolute(source), followLink);
        CopyPlan plan = CopyPlan.Make(sourceEnd, targetEnd);
        string name = plan.Name ?? sourceEnd.Name ?? GoPath.Split(sourceEnd.Path).Base;
        long bytes = await PutAsync(context, container, plan.Folder, sourceEnd.Path, name);
        Report(context, bytes, $"{container}:{targetEnd.Path}");
    }

    /// <summary>Packs and sends; returns the bytes sent. What went wrong while packing is told, not that the request broke by it.</summary>
    private async Task<long> PutAsync(CliContext context, string container, string folder, string source, string name)
    {
        long bytes = 0;
        Exception? problem = null;
        FolderPacker.MeasuredFile? measured = FolderPacker.Measure(source, name);
        try
        {
            await context.Client.PutContainerArchiveAsync(container, folder, Pack, measured?.ArchiveLength, keepOwners);
            return bytes;
        }
        catch (EngineConnectionException) when (problem is not null)
        {
            throw new CommandFailedException(problem.Message, exitCode: 1);
        }

        void Pack(Stream stream)
        {
            var output = new TarOutput(stream);
            try
            {
                new FolderPacker(output, measured).Pack(source, name);
            }
            catch (Exception exception) when (exception is LinuxException or TarException)
            {
                problem = exception;
                throw;
            }

            bytes = output.Position;
        }
    }

    /// <summary>What is at the target, a link there followed once. What cannot be found out the daemon will tell when it unpacks.</summary>
    private static async Task<CopyEnd> ContainerTargetAsync(CliContext context, string container, string target)
    {
        string path = target;
        try
        {
            ContainerPathStat stat = await context.Client.StatContainerPathAsync(container, target);
            if (stat.IsLink)
            {
                path = LinkTarget(target, stat.LinkTarget);
                stat = await context.Client.StatContainerPathAsync(container, path);
            }

            if (stat.IsDevice)
                throw new CommandFailedException($"destination \"{container}:{target}\" must be a directory or a regular file: got a device", exitCode: 1);

            return new CopyEnd(path, Exists: true, stat.IsFolder);
        }
        catch (EngineException)
        {
            return new CopyEnd(path, Exists: false, IsFolder: false);
        }
    }

    private static async Task<(string Path, string? Name)> FollowAsync(CliContext context, string container, string source)
    {
        try
        {
            ContainerPathStat stat = await context.Client.StatContainerPathAsync(container, source);
            return stat.IsLink ? GoPath.Rebase(source, LinkTarget(source, stat.LinkTarget)) : (source, null);
        }
        catch (EngineException)
        {
            return (source, null); // reading it will fail with the reason
        }
    }

    private static string LinkTarget(string link, string target) => target.StartsWith('/') ? target : GoPath.Join(GoPath.Split(link).Folder, target);

    /// <summary>Refuses what cannot become a file before the daemon is asked for anything.</summary>
    private static void CheckTarget(string target)
    {
        string folder = GoPath.Split(GoPath.Clean(target)).Folder;
        if (!Directory.Exists(folder))
            throw new CommandFailedException($"invalid output path: directory \"{folder}\" does not exist", exitCode: 1);

        if (FileStatusCalls.TryStat(Paths.WorkingFolder, Encoding.UTF8.GetBytes(target.TrimEnd('/')), out FileStatus status)
            && status.Type is FileTypes.S_IFCHR or FileTypes.S_IFBLK)
            throw new CommandFailedException($"invalid output path: \"{target}\" must be a directory or a regular file: got a device", exitCode: 1);
    }

    private static void CopyTo(ResponseStream archive, Stream target)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(256 * 1024);
        int count;
        while ((count = archive.Read(buffer)) > 0)
            target.Write(buffer.AsSpan(0, count));
    }

    private void Report(CliContext context, long bytes, string target)
    {
        if (!(quiet ?? !LocalTerminal.IsTerminal(1)))
            context.Say($"Successfully copied {Units.Size(bytes)} to {target}");
    }
}
