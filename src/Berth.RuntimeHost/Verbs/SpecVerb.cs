using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Linux.Sockets;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>spec</c>: writes a config.json to begin with.</summary>
internal static class SpecVerb
{
    private const string FileName = "config.json";

    public static Verb Verb() => new(
        "spec", "write a config.json to begin with", "",
        "It runs a shell on a terminal in the folder rootfs, as root with few capabilities; edit it for what you need.",
        [
            new Flag("bundle", "b", FlagKind.Text, "the folder to write it to; default: the working folder"),
            new Flag("rootless", null, FlagKind.Switch, "for a user other than root: with a user namespace, and without what needs privileges"),
        ],
        Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("spec", 0, 0);
        string bundle = call.Arguments.Text("bundle") is { Length: > 0 } given ? given : ".";
        if (!Directory.Exists(bundle))
            throw new StateException($"chdir {bundle}: no such file or directory");
        RuntimeSpec spec = call.Arguments.IsOn("rootless") ? StarterSpec.Rootless(UnixSocket.OwnUid(), ProcessControl.OwnGid) : StarterSpec.Rootful();
        var json = new RuntimeSpecJsonContext(new JsonSerializerOptions(RuntimeSpecJsonContext.Default.Options) { WriteIndented = true, IndentCharacter = '\t', IndentSize = 1 });
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(spec, json.RuntimeSpec);
        try
        {
            using FileDescriptor file = Paths.Open(Path.Combine(bundle, FileName), OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL, 0x1B6);
            FileData.Write(file, [.. content, .. "\n"u8]);
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            throw new StateException($"File {FileName} exists. Remove it first");
        }

        return 0;
    }
}
