using System.Text.Json;
using Berth.Engine.Containers.Mounts;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>Writes what a run needs: the bundle under the exec root and the files bound into the container. Nothing of it has to survive a crash.</summary>
internal static class BundleWriter
{
    private const string LocalHosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

    public static void Write(ContainerServices services, ContainerRecord record, string logPath, string exitFile, string? networkPath)
    {
        string folder = services.Root.ContainerFolder(record.Id);
        string bundle = services.Options.Bundle(record.Id);
        bool hasInit = SpecBuilder.HasInit(record.Config.Host, services.Options.Init);
        RuntimeSpec spec = SpecBuilder.Build(record, folder, networkPath, hasInit ? services.InitProgram.GetPath() : null, BindSources.Prepare(record.Config.Host.BindMounts));
        var shim = new ShimConfig
        {
            Id = record.Id.ToString(),
            OpenStdin = record.Config.OpenStdin,
            StdinOnce = record.Config.StdinOnce,
            User = record.Config.User,
            HasInit = hasInit,
            RootfsMounts = services.Snapshots.MountsOf(record.Id, record.ChainIds),
            LogPath = logPath.Length == 0 ? null : logPath,
            LogMaxBytes = record.Config.Host.Log.MaxBytes,
            LogAttributes = LogAttributes.Of(record.Config),
            LogMaxFiles = record.Config.Host.Log.MaxFiles,
            ExitFile = exitFile,
            SocketPath = services.Options.ShimSocket(record.Id),
        };
        Directory.CreateDirectory(folder); // a power cut may have taken it: only the record is synced at creation
        Directory.CreateDirectory(Path.Combine(bundle, "rootfs"));
        File.WriteAllBytes(Path.Combine(bundle, "config.json"), JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeSpecJsonContext.Default.RuntimeSpec));
        File.WriteAllBytes(Path.Combine(bundle, "shim.json"), JsonSerializer.SerializeToUtf8Bytes(shim, ShimJsonContext.Default.ShimConfig));
        WriteNetworkFiles(record, folder);
    }

    private static void WriteNetworkFiles(ContainerRecord record, string folder)
    {
        bool isHost = record.Config.Host.Network == NetworkMode.Host;
        File.WriteAllText(Path.Combine(folder, "hostname"), record.Config.Hostname + "\n");
        File.WriteAllText(Path.Combine(folder, "hosts"), isHost && File.Exists("/etc/hosts") ? File.ReadAllText("/etc/hosts") : LocalHosts);
        File.WriteAllText(Path.Combine(folder, "resolv.conf"), File.Exists("/etc/resolv.conf") ? File.ReadAllText("/etc/resolv.conf") : "");
    }
}
