using System.Diagnostics;
using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>
/// Pid, mount and network namespaces in which another engine runs, with a /run, a /dev/shm and configuration files of its own: nothing of the machine's own is
/// touched, and everything in it ends with its first process. Cgroups are the machine's; the engine is told a parent that is its own.
/// </summary>
internal sealed class EngineSandbox : IAsyncDisposable
{
    private const string CgroupRoot = "/sys/fs/cgroup";

    private readonly Process holder;
    private readonly int first;

    private EngineSandbox(string home, Process holder, int first)
    {
        Home = home;
        this.holder = holder;
        this.first = first;
    }

    /// <summary>The folder that holds everything of the engine which survives in the file system; short, since sockets' paths are.</summary>
    public string Home { get; }

    /// <summary>The runtime; <c>$RUNTIME</c>.</summary>
    public string Runtime => RuntimeIn(Home);

    /// <summary>Its first process, whose namespaces are the sandbox's.</summary>
    public int First => first;

    /// <summary>The parent of all its cgroups.</summary>
    public string CgroupParent => ParentFor(Home);

    /// <summary>What the sandbox's first process, and so the engine, has printed.</summary>
    public string Log => LogOf(Home);

    /// <summary>Starts a sandbox.</summary>
    /// <param name="script">What its first process does once the namespaces are there; <c>$HOME</c> is the folder, <c>$PARENT</c> the cgroup.</param>
    /// <param name="connect">Makes a client.</param>
    /// <param name="probe">A command of the client's that ends with 0 once the engine can be used.</param>
    public static async Task<EngineSandbox> StartAsync(string script, Func<EngineSandbox, Cli> connect, params string[] probe)
    {
        string home = Directory.CreateTempSubdirectory("bo-").FullName;
        File.SetUnixFileMode(home, (UnixFileMode)0b111_101_101);
        await File.WriteAllBytesAsync(home + "/busybox.tar", BusyboxImage.Tar);
        await File.WriteAllTextAsync(home + "/first.sh", Beginning + script);

        // The shell opens the log and becomes unshare: same process id.
        var info = new ProcessStartInfo("/bin/sh",
        [
            "-c", "exec unshare --pid --fork --kill-child --mount-proc --mount --net --propagation private sh \"$HOME/first.sh\" >\"$HOME/log\" 2>&1 </dev/null",
        ]);
        info.Environment["HOME"] = home;
        info.Environment["PARENT"] = ParentFor(home);
        info.Environment["ORIGINAL"] = Binaries.BerthRuntime;
        info.Environment["RUNTIME"] = RuntimeIn(home);
        foreach (string name in (string[])["DOCKER_HOST", "XDG_RUNTIME_DIR", "CONTAINERS_CONF"])
            info.Environment.Remove(name);
        Process started = Process.Start(info) ?? throw new InvalidOperationException("sh did not start");
        var sandbox = new EngineSandbox(home, started, await FirstChildAsync(started, home));
        try
        {
            var clock = Stopwatch.StartNew();
            Cli client = connect(sandbox);
            for (CommandResult? answer = null; answer is not { ExitCode: 0 }; answer = await client.RunAsync(probe))
            {
                Assert.False(started.HasExited, $"the engine ended while it started:\n{sandbox.Log}");
                Assert.True(clock.Elapsed.TotalSeconds < 60, $"the engine does not come up:\n{sandbox.Log}\n$ {answer?.Command}\n{answer?.Error}");
                await Task.Delay(50);
            }

            return sandbox;
        }
        catch
        {
            await sandbox.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client that runs in the sandbox.</summary>
    /// <param name="name">A name for it.</param>
    /// <param name="command">The words before the caller's, for a shell.</param>
    public Cli Client(string name, string command)
    {
        string file = $"{Home}/{name}";
        var info = new ProcessStartInfo("/bin/sh", ["-c", "printf '%s\\n' \"$TEXT\" >\"$FILE\" && chmod 755 \"$FILE\""]);
        info.Environment["FILE"] = file;
        info.Environment["TEXT"] = $"#!/bin/sh\nunset DOCKER_CONFIG DOCKER_HOST\nexport HOME={Home}\nexec nsenter -t {first.ToString(CultureInfo.InvariantCulture)} -m -n -p -- {command} \"$@\"";

        // Not by this process: others that are started at the same moment would hold it open for writing (ETXTBSY).
        using (Process writer = Process.Start(info) ?? throw new InvalidOperationException("sh did not start"))
            writer.WaitForExit();
        return new Cli(file, "unix://" + Home + "/none.sock", Home);
    }

    /// <summary>Whatever of the engine's containers is still there, by name: cgroups, and the runtime's own state.</summary>
    public List<string> FindLeftovers()
    {
        var found = new List<string>();
        foreach (string folder in CgroupFolders())
            found.AddRange(Directory.EnumerateDirectories(folder).Where(static child => Path.GetFileName(child) != "conmon"));
        string run = $"/proc/{first.ToString(CultureInfo.InvariantCulture)}/root/run";
        foreach (string state in Directory.EnumerateFiles(run, "state.json", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
            found.Add(state);
        return found;
    }

    /// <summary>
    /// Removes a pod's own groups where the engine forgets them: podman makes and removes them by controller, so that the ones in the hierarchies without any,
    /// which every runtime joins, stay. Throws when something is still in them.
    /// </summary>
    public void RemovePodGroups(string id)
    {
        foreach (string hierarchy in (string[])["systemd", "unified"])
        {
            string folder = $"{CgroupRoot}/{hierarchy}{CgroupParent}/{id}";
            if (Directory.Exists(folder))
                Directory.Delete(folder);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!holder.HasExited)
        {
            holder.Kill(); // its child, the first process of the pid namespace, dies with it, and with that one all others
            await holder.WaitForExitAsync();
        }

        holder.Dispose();
        await Poll.UntilAsync(() => !Directory.Exists($"/proc/{first.ToString(CultureInfo.InvariantCulture)}/ns"), "the end of all processes of the sandbox", seconds: 60);
        await Poll.UntilAsync(RemoveCgroups, $"the removal of the cgroups {CgroupParent}", seconds: 60);
        Directory.Delete(Home, recursive: true);
    }

    private const string Beginning = """
        set -e
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=1777 tmpfs /dev/shm
        mkdir -p /run/etc /run/lock
        cp "$ORIGINAL" "$RUNTIME" # users who are not root must be able to read it, too
        # own NAME: puts a copy of /etc/NAME over it, which may be changed.
        own() {
            cp -a "/etc/$1" "/run/etc/$1"
            mount --bind "/run/etc/$1" "/etc/$1"
        }

        """;

    private static string RuntimeIn(string home) => home + "/berth-runtime";

    private static string ParentFor(string home) => "/" + Path.GetFileName(home);

    private static string LogOf(string home) => File.Exists(home + "/log") ? File.ReadAllText(home + "/log") : "";

    private static async Task<int> FirstChildAsync(Process unshare, string home)
    {
        string children = $"/proc/{unshare.Id.ToString(CultureInfo.InvariantCulture)}/task/{unshare.Id.ToString(CultureInfo.InvariantCulture)}/children";
        int child = 0;
        await Poll.UntilAsync(
            () =>
            {
                Assert.False(unshare.HasExited, $"unshare ended:\n{LogOf(home)}");
                return int.TryParse(File.ReadAllText(children).Split(' ')[0], CultureInfo.InvariantCulture, out child);
            },
            "the sandbox's first process");
        return child;
    }

    private IEnumerable<string> CgroupFolders() =>
        Directory.EnumerateDirectories(CgroupRoot).Prepend(CgroupRoot).Select(root => root + CgroupParent).Where(Directory.Exists);

    // Deepest first; a group whose last process is still ending refuses for a moment.
    private bool RemoveCgroups()
    {
        foreach (string folder in CgroupFolders().ToArray())
        {
            foreach (string child in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories).OrderByDescending(static path => path.Length).Append(folder))
                TryRemove(child);
        }

        return !CgroupFolders().Any();
    }

    private static void TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder); // rmdir(2): the files of a cgroup do not count
        }
        catch (IOException)
        {
            // Not yet empty: the caller asks again.
        }
    }
}
