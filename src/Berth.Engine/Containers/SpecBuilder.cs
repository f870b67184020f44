using System.Runtime.InteropServices;
using Berth.Engine.Containers.Mounts;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;

namespace Berth.Engine.Containers;

/// <summary>Turns a container's record into the OCI configuration of one run. Pure: reads nothing, makes nothing.</summary>
internal static class SpecBuilder
{
    public const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <param name="record">The container.</param>
    /// <param name="folder">The container's folder, which holds the files bound into it.</param>
    /// <param name="networkPath">A network namespace to join, or null.</param>
    /// <param name="initPath">The program that is to be the first process and run the user's; null: the user's is the first.</param>
    /// <param name="binds">The container's binds as the host allows them; null: as they were asked for.</param>
    /// <param name="linked">Variables that tell of linked containers; the container's own of the same names count.</param>
    /// <param name="more">Mounts that no user could ask a container for.</param>
    public static RuntimeSpec Build(
        ContainerRecord record, string folder, string? networkPath, string? initPath, IReadOnlyList<BindMount>? binds = null, IReadOnlyList<string>? linked = null,
        IReadOnlyList<Mount>? more = null)
    {
        ContainerConfig config = record.Config;
        IReadOnlyList<string> capabilities = CapabilitySet.Resolve(config.Host);
        return new RuntimeSpec
        {
            Hostname = config.Host.HostUts ? null : config.Hostname,
            Domainname = config.Host.HostUts || config.Domainname.Length == 0 ? null : config.Domainname,
            Root = new RootSpec { Path = "rootfs", Readonly = config.Host.ReadonlyRootfs },
            Process = BuildProcess(config, capabilities, hasInit: initPath is not null, linked ?? []),
            Mounts = MountList.Build(config, binds ?? config.Host.BindMounts, folder, initPath, more),
            Linux = new LinuxSpec
            {
                CgroupsPath = CgroupPath(record.Id),
                RootfsPropagation = BindSources.RootPropagation(binds ?? config.Host.BindMounts),
                Namespaces = BuildNamespaces(config.Host, networkPath),
                Resources = config.Host.Resources.ToSpec() with { Devices = config.Host.Privileged ? [new DeviceRuleSpec { Allow = true, Access = "rwm" }] : DeviceRules },
                Seccomp = HasSeccomp(config.Host) ? DefaultProfile.Create(capabilities.ToHashSet(), RuntimeInformation.ProcessArchitecture, Environment.OSVersion.Version) : null,
                MaskedPaths = config.Host.Privileged ? null : config.Host.MaskedPaths ?? ContainerDefaults.MaskedPaths,
                ReadonlyPaths = config.Host.Privileged ? null : config.Host.ReadonlyPaths ?? ContainerDefaults.ReadonlyPaths,
            },
        };
    }

    /// <summary>Whether a container has an init; among the host's processes it would reap nothing and has none, as in docker's engine.</summary>
    /// <param name="host">What was asked.</param>
    /// <param name="isDefault">What counts when nothing was.</param>
    public static bool HasInit(ContainerHostOptions host, bool isDefault) => (host.Init ?? isDefault) && !host.HostPid;

    /// <summary>The cgroup that a container's processes live in, relative to each hierarchy's root.</summary>
    public static string CgroupPath(ContainerId id) => $"/berth/{id}";

    /// <summary>The environment of a container's process: docker's PATH, HOSTNAME and TERM, and what tells of linked containers, where it has none of its own.</summary>
    public static IReadOnlyList<string> BuildEnvironment(ContainerConfig config, IReadOnlyList<string> linked)
    {
        var result = new List<string>(config.Env.Count + 3);
        if (!config.Env.Any(static entry => entry.StartsWith("PATH=", StringComparison.Ordinal)))
        {
            result.Add(DefaultPath);
        }

        if (!config.Env.Any(static entry => entry.StartsWith("HOSTNAME=", StringComparison.Ordinal)))
        {
            result.Add("HOSTNAME=" + config.Hostname);
        }

        if (config.Tty && !config.Env.Any(static entry => entry.StartsWith("TERM=", StringComparison.Ordinal)))
        {
            result.Add("TERM=xterm");
        }

        if (linked.Count > 0)
        {
            return EnvironmentList.Merge([.. result, .. linked], config.Env);
        }

        result.AddRange(config.Env);
        return result;
    }

    /// <summary>The five sets of a process that may have <paramref name="names"/>; the inheritable and ambient ones stay empty.</summary>
    public static CapabilitiesSpec Capabilities(IReadOnlyList<string> names) => new() { Bounding = names, Effective = names, Permitted = names };

    public static bool HasNoNewPrivileges(ContainerHostOptions host) =>
        host.SecurityOpt?.Any(static option => option is "no-new-privileges" or "no-new-privileges=true" or "no-new-privileges:true") ?? false;

    public static IReadOnlyList<RlimitSpec>? Rlimits(ContainerHostOptions host) =>
        host.Ulimits?.Select(static limit => new RlimitSpec("RLIMIT_" + limit.Name.ToUpperInvariant(), unchecked((ulong)limit.Hard), unchecked((ulong)limit.Soft))).ToList();

    private static bool HasSeccomp(ContainerHostOptions host) =>
        !host.Privileged && !(host.SecurityOpt?.Any(static option => option is "seccomp=unconfined" or "seccomp:unconfined") ?? false);

    private static ProcessSpec BuildProcess(ContainerConfig config, IReadOnlyList<string> capabilities, bool hasInit, IReadOnlyList<string> linked) => new()
    {
        Terminal = config.Tty,
        ConsoleSize = config.Host.ConsoleSize is { Height: > 0, Width: > 0 } size ? new ConsoleSize(size.Height, size.Width) : null,
        Args = hasInit ? [MountList.InitName, "--", .. config.CommandLine] : config.CommandLine,
        Env = BuildEnvironment(config, linked),
        Cwd = config.WorkingDir.Length == 0 ? "/" : config.WorkingDir,
        User = new UserSpec { AdditionalGids = null },
        Capabilities = Capabilities(capabilities),
        Rlimits = Rlimits(config.Host),
        NoNewPrivileges = HasNoNewPrivileges(config.Host),
        OomScoreAdj = config.Host.OomScoreAdj == 0 ? null : config.Host.OomScoreAdj,
    };

    private static List<NamespaceSpec> BuildNamespaces(ContainerHostOptions host, string? networkPath)
    {
        var result = new List<NamespaceSpec> { new("mount"), new("cgroup") };
        if (!host.HostPid)
        {
            result.Add(new NamespaceSpec("pid"));
        }

        if (!host.HostIpc)
        {
            result.Add(new NamespaceSpec("ipc"));
        }

        if (!host.HostUts)
        {
            result.Add(new NamespaceSpec("uts"));
        }

        if (host.Network != NetworkMode.Host)
        {
            result.Add(new NamespaceSpec("network", networkPath));
        }

        return result;
    }

    private static readonly DeviceRuleSpec[] DeviceRules =
    [
        new() { Allow = false, Access = "rwm" },
        new() { Allow = true, Type = "c", Access = "m" },
        new() { Allow = true, Type = "b", Access = "m" },
        .. AllowedCharacters((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (10, 200)),
        new() { Allow = true, Type = "c", Major = 136, Access = "rwm" },
    ];

    private static IEnumerable<DeviceRuleSpec> AllowedCharacters(params (long Major, long Minor)[] devices) =>
        devices.Select(static device => new DeviceRuleSpec { Allow = true, Type = "c", Major = device.Major, Minor = device.Minor, Access = "rwm" });
}
