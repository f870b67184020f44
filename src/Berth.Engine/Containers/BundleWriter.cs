using System.Text.Json;
using Berth.Engine.Containers.Mounts;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Network.Files;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>Writes what a run needs: the bundle under the exec root and the files bound into the container. Nothing of it has to survive a crash.</summary>
internal static class BundleWriter
{
    /// <param name="services">What containers need of the world.</param>
    /// <param name="record">The container.</param>
    /// <param name="folder">Where the files are that are bound into it.</param>
    /// <param name="logPath">Its log; empty for none.</param>
    /// <param name="exitFile">Where its end is told.</param>
    /// <param name="sandbox">Its networks.</param>
    /// <param name="joined">The other container whose network it shares; null for none.</param>
    /// <param name="more">Mounts that no user could ask a container for.</param>
    /// <param name="environmentFile">See <see cref="ShimConfig.EnvironmentFile"/>.</param>
    public static void Write(
        ContainerServices services, ContainerRecord record, string folder, string logPath, string exitFile, ContainerSandbox sandbox, JoinedNetwork? joined,
        IReadOnlyList<Mount>? more = null, string? environmentFile = null)
    {
        string bundle = services.Options.Bundle(record.Id);
        bool hasInit = SpecBuilder.HasInit(record.Config.Host, services.Options.Init);
        RuntimeSpec spec = SpecBuilder.Build(record, joined?.Folder ?? folder, joined?.Path ?? sandbox.Namespace?.Path, hasInit ? services.InitProgram.GetPath() : null, BindSources.Prepare(record.Config.Host.BindMounts), LegacyLinks.Variables(record.Name, sandbox.Linked), more);
        var shim = new ShimConfig
        {
            Id = record.Id.ToString(),
            OpenStdin = record.Config.OpenStdin,
            StdinOnce = record.Config.StdinOnce,
            User = record.Config.User,
            HasInit = hasInit,
            RootfsMounts = services.Snapshots.MountsOf(record.Id, record.ChainIds),
            EnvironmentFile = environmentFile,
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
        if (joined is null)
        {
            (string hosts, string resolvConf) = services.Sandboxes.FilesOf(record, sandbox);
            ContainerFile.Write(Path.Combine(folder, "hostname"), ContainerFile.Hostname(record.Config.Hostname));
            ContainerFile.Write(Path.Combine(folder, "hosts"), hosts);
            ContainerFile.Write(Path.Combine(folder, "resolv.conf"), resolvConf);
        }
    }
}
