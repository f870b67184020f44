using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Terminals;

namespace Berth.RuntimeHost.Containers;

/// <summary>Makes a container whose process waits for its start.</summary>
internal static class ContainerCreation
{
    private const int MaxConfigBytes = 16 << 20;

    /// <summary>A container that was just made.</summary>
    /// <param name="Stored">Its folder; the lock is held until it is disposed.</param>
    /// <param name="Process">Its process, a child of ours.</param>
    public sealed record Made(StoredContainer Stored, CreatedContainer Process) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            Process.Dispose();
            Stored.Dispose();
        }
    }

    /// <summary>Makes it. On failure nothing of it stays.</summary>
    /// <param name="global">Where it is kept.</param>
    /// <param name="name">Its id.</param>
    /// <param name="options">How.</param>
    /// <param name="detach">Whether nobody here will serve its terminal.</param>
    /// <exception cref="StateException">There is one of that id, or the options do not go together.</exception>
    /// <exception cref="ContainerStartException">It could not be made.</exception>
    public static Made Create(GlobalOptions global, ContainerName name, LaunchOptions options, bool detach)
    {
        (byte[] json, RuntimeSpec spec) = ReadBundle(options.Bundle);
        spec = WithListenFds(spec, options.ListenFds);
        SeccompLog.UnknownCalls(spec);
        bool terminal = spec.Process?.Terminal ?? false;
        using ConsoleSocket? console = ConsoleSocket.Connect(options.ConsoleSocket, terminal, detach);
        CgroupRequest request = RequestOf(global, name, spec);
        StoredContainer stored = global.Store.Create(name);
        try
        {
            CgroupLocation cgroup = ContainerCgroup.Locate(request);
            CheckCgroup(cgroup);
            stored.SaveSpec(json);
            stored.Save(FirstState(name, options.Bundle, spec, cgroup));
            using FileDescriptor fifo = stored.MakeFifo();
            using FileDescriptor? hookFifo = spec.Hooks?.StartContainer is { Count: > 0 } ? stored.MakeHookFifo() : null;
            CreatedContainer created = ContainerLauncher.Create(
                new ContainerStart(name.ToString(), options.Bundle, spec, [], User: null) { Cgroup = request },
                terminal ? ProcessStdio.Terminal : new ProcessStdio(0, 1, 2),
                new CreateOptions
                {
                    StartFifo = fifo,
                    HookFifo = hookFifo,
                    NoPivot = options.NoPivot,
                    NoNewKeyring = options.NoNewKeyring,
                    PreserveFds = options.PreserveFds,
                    OnReady = ready => OnReady(stored, ready, console, options.PidFile, global.Rootless),
                });
            if (created.MissingCapabilities.Count > 0)
                RuntimeLog.Warning($"left out, as they are not ours to give: {string.Join(' ', created.MissingCapabilities)}");
            return new Made(stored, created);
        }
        catch
        {
            stored.Remove();
            stored.Dispose();
            throw;
        }
    }

    // Whatever fails here fails the creation: a caller that was told of no process looks for none.
    private static void OnReady(StoredContainer stored, CreatedContainer ready, ConsoleSocket? console, string? pidFile, bool rootless)
    {
        StoredState state = stored.State ?? throw new InvalidOperationException("the state was stored before");
        if (rootless)
            state = state with { Cgroup = state.Cgroup?.Existing() };
        if (ready.Filter is { } filter)
            stored.SaveFilter(filter);
        stored.Save(state with { Pid = ready.Pid, StartTime = ready.StartTime });
        if (console is not null && ready.TerminalMaster is { } master)
            console.Send(master);
        PidFile.Write(pidFile, ready.Pid);
    }

    // Before it is stored as the container's: whatever is in it then will be killed with the container.
    private static void CheckCgroup(CgroupLocation location)
    {
        if (location.Exists() && ContainerCgroup.Open(location).Members(recursive: true) is { Count: > 0 } members)
            throw new StateException($"container's cgroup is not empty: {members.Count} process(es) found in {location.Folders.Values.First()}");
    }

    private static (byte[] Json, RuntimeSpec Spec) ReadBundle(string bundle)
    {
        if (!Directory.Exists(bundle))
            throw new StateException($"chdir {bundle}: no such file or directory");
        try
        {
            byte[] json = PlainFile.ReadAll(Path.Combine(bundle, "config.json"), MaxConfigBytes);
            return (json, RuntimeSpecReader.ReadSpec(json));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            throw new StateException("JSON specification file config.json not found");
        }
        catch (JsonException e)
        {
            throw new StateException($"config.json of {bundle}: {e.Message}");
        }
    }

    private static CgroupRequest RequestOf(GlobalOptions global, ContainerName name, RuntimeSpec spec) => new()
    {
        ContainerId = name.ToString(),
        CgroupsPath = spec.Linux?.CgroupsPath,
        Systemd = global.SystemdCgroup,
        Rootless = global.Rootless,
        AllowExisting = true,
        Annotations = spec.Annotations,
    };

    private static StoredState FirstState(ContainerName name, string bundle, RuntimeSpec spec, CgroupLocation cgroup) => new()
    {
        OciVersion = spec.OciVersion,
        Id = name.ToString(),
        Bundle = bundle,
        Rootfs = spec.Root is { } root ? Path.GetFullPath(root.Path, bundle) : "",
        Created = DateTimeOffset.UtcNow,
        Cgroup = cgroup,
        HasHooks = spec.Hooks is not null,
        OwnPidNamespace = spec.Linux?.Namespaces?.Any(static n => n.Type == "pid" && string.IsNullOrEmpty(n.Path)) ?? false,
        Annotations = spec.Annotations is { Count: > 0 } ? spec.Annotations : null,
    };

    // The variables that sd_listen_fds(3) looks for. The program is process 1 of its namespace, as runc assumes as well.
    private static RuntimeSpec WithListenFds(RuntimeSpec spec, int count) => count == 0 || spec.Process is null
        ? spec
        : spec with { Process = spec.Process with { Env = [.. spec.Process.Env ?? [], $"LISTEN_FDS={count}", "LISTEN_PID=1"] } };
}
