using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;

namespace Berth.Runtime.Tests.Shims;

/// <summary>The published berth-runtime: $BERTH_RUNTIME, the build's output, or else published once for this run.</summary>
internal static class RuntimeBinary
{
    private static readonly Lazy<string> s_path = new(Find);

    internal static string Path => s_path.Value;

    private static string Find() => Find(SourceFile());

    private static string SourceFile([System.Runtime.CompilerServices.CallerFilePath] string path = "") => path;

    private static string Find(string root)
    {
        if (Environment.GetEnvironmentVariable("BERTH_RUNTIME") is { Length: > 0 } given)
            return given;
        while (!File.Exists(System.IO.Path.Combine(root, "Berth.slnx")))
            root = System.IO.Path.GetDirectoryName(root) ?? throw new InvalidOperationException("the repository is not above the tests; set BERTH_RUNTIME");
        string built = System.IO.Path.Combine(root, "out", "bin", "berth-runtime");
        return File.Exists(built) ? built : Publish(root);
    }

    private static string Publish(string root)
    {
        string folder = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"berth-runtime-for-tests-{Environment.ProcessId}");
        using Process publish = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { "publish", System.IO.Path.Combine(root, "src", "Berth.RuntimeHost"), "-c", "Release", "-r", "linux-x64", "--artifacts-path", folder, "-v", "q" },
        }) ?? throw new InvalidOperationException("dotnet does not start");
        publish.WaitForExit();
        return Directory.EnumerateFiles(folder, "berth-runtime", SearchOption.AllDirectories).First(static path => path.Contains("publish", StringComparison.Ordinal));
    }
}

/// <summary>A launcher and bundles of busybox containers in a folder of their own.</summary>
internal sealed class ShimHarness : IAsyncDisposable
{
    private const string CgroupParent = "berth-shim-tests";
    private readonly List<Shim> _shims = [];
    private int _containers;

    internal ShimHarness(bool keepWarm = false)
    {
        Folder = Directory.CreateTempSubdirectory("berth-shim-").FullName;
        Launcher = new ShimLauncher(RuntimeBinary.Path, new ShimLauncherOptions { KeepWarm = keepWarm, ErrorLogFolder = Folder });
    }

    internal string Folder { get; }

    internal ShimLauncher Launcher { get; }

    internal ShimConfig Config { get; private set; } = null!; // set by the first Write

    internal string Bundle { get; private set; } = "";

    internal static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    /// <summary>Writes a bundle that runs <paramref name="script"/> in a shell.</summary>
    internal void Write(string script, Func<ShimConfig, ShimConfig>? config = null, bool terminal = false) =>
        Write(["sh", "-c", script], config, terminal);

    internal void Write(string[] command, Func<ShimConfig, ShimConfig>? config = null, bool terminal = false)
    {
        string id = $"t{Environment.ProcessId:x}{Guid.NewGuid():N}"[..24];
        Bundle = Path.Combine(Folder, $"b{_containers++}");
        string bin = Path.Combine(Bundle, "rootfs", "bin");
        foreach (string folder in new[] { "bin", "proc", "dev", "sys", "tmp", "etc" })
            Directory.CreateDirectory(Path.Combine(Bundle, "rootfs", folder));
        string busybox = new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists);
        File.Copy(busybox, Path.Combine(bin, "busybox"));
        foreach (string name in new[] { "sh", "cat", "echo", "sleep", "head", "seq", "stty", "true", "kill", "yes", "ls", "trap", "usleep", "dd", "wc" })
            File.CreateSymbolicLink(Path.Combine(bin, name), "busybox");

        Config = new ShimConfig
        {
            Id = id,
            LogPath = Path.Combine(Bundle, "x-json.log"),
            ExitFile = Path.Combine(Bundle, "exit"),
            SocketPath = Path.Combine(Bundle, "shim.sock"),
        };
        Config = config?.Invoke(Config) ?? Config;
        File.WriteAllBytes(Path.Combine(Bundle, ShimConfig.FileName), JsonSerializer.SerializeToUtf8Bytes(Config, ShimJsonContext.Default.ShimConfig));
        File.WriteAllBytes(Path.Combine(Bundle, "config.json"), JsonSerializer.SerializeToUtf8Bytes(Spec(id, command, terminal), RuntimeSpecJsonContext.Default.RuntimeSpec));
    }

    internal async Task<Shim> PrepareAsync()
    {
        Shim shim = await Launcher.PrepareAsync(Bundle, Soon);
        _shims.Add(shim);
        return shim;
    }

    /// <summary>Prepare, attach, start, read all, wait.</summary>
    internal async Task<(string Output, ExitStatus? Exit)> RunAsync(string script, Func<ShimConfig, ShimConfig>? config = null, bool terminal = false)
    {
        Write(script, config, terminal);
        Shim shim = await PrepareAsync();
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdout | AttachStreams.Stderr, Soon);
        await shim.StartAsync(Soon);
        string output = terminal ? await ReadPlainAsync(stream) : (await ReadAsync(stream)).Out;
        return (output, await shim.Exited.WaitAsync(Soon));
    }

    internal static ExecConfig Exec(string script, bool openStdin = false, bool terminal = false) => new()
    {
        OpenStdin = openStdin,
        Process = new ProcessSpec { Args = ["sh", "-c", script], Env = ["PATH=/bin"], Terminal = terminal },
    };

    internal static async Task<string> ReadPlainAsync(ShimStream stream)
    {
        var all = new MemoryStream();
        await stream.Stream.CopyToAsync(all, Soon);
        return Encoding.UTF8.GetString(all.ToArray());
    }

    /// <summary>Takes docker's frames apart.</summary>
    internal static async Task<(string Out, string Error)> ReadAsync(ShimStream stream)
    {
        var all = new MemoryStream();
        await stream.Stream.CopyToAsync(all, Soon);
        byte[] bytes = all.ToArray();
        var streams = new[] { new MemoryStream(), new MemoryStream() };
        for (int i = 0; i < bytes.Length;)
        {
            int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(i + 4));
            streams[bytes[i] - 1].Write(bytes, i + 8, length);
            i += 8 + length;
        }

        return (Encoding.UTF8.GetString(streams[0].ToArray()), Encoding.UTF8.GetString(streams[1].ToArray()));
    }

    /// <summary>The log's text, all files in order.</summary>
    internal string ReadLog()
    {
        IEnumerable<string> files = Enumerable.Range(0, 10).Reverse().Select(number => number == 0 ? Config.LogPath! : $"{Config.LogPath}.{number}");
        return string.Concat(files.Where(File.Exists).SelectMany(File.ReadLines)
            .Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("log").GetString()));
    }

    internal static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        for (int i = 0; i < 500; i++)
        {
            if (condition())
                return;
            await Task.Delay(20);
        }

        Assert.Fail($"not within ten seconds: {what}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Shim shim in _shims)
        {
            if (!shim.Exited.IsCompleted)
            {
                try
                {
                    await shim.KillAsync(null, 9, Soon);
                    await shim.Exited.WaitAsync(Soon);
                }
                catch (ShimException)
                {
                    // Not started, or just ended.
                }
            }

            await shim.DisposeAsync();
        }

        await Launcher.DisposeAsync();
        await EventuallyAsync(
            () =>
            {
                try
                {
                    Directory.Delete(Folder, recursive: true);
                    return true;
                }
                catch (IOException)
                {
                    return false;
                }
            },
            "the test folder is free");
        foreach (string controller in Directory.GetDirectories("/sys/fs/cgroup"))
        {
            if (Directory.Exists(Path.Combine(controller, CgroupParent)))
                Directory.Delete(Path.Combine(controller, CgroupParent));
        }
    }

    private static RuntimeSpec Spec(string id, string[] command, bool terminal) => new()
    {
        Process = new ProcessSpec { Args = command, Env = ["PATH=/bin"], Terminal = terminal, ConsoleSize = terminal ? new ConsoleSize(24, 80) : null },
        Root = new RootSpec { Path = "rootfs" },
        Hostname = "test",
        Mounts =
        [
            new MountSpec { Destination = "/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] },
            new MountSpec { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "mode=755", "size=65536k"] },
            new MountSpec { Destination = "/dev/pts", Type = "devpts", Source = "devpts", Options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] },
        ],
        Linux = new LinuxSpec
        {
            CgroupsPath = $"/{CgroupParent}/{id}",
            Namespaces = [new("pid"), new("mount"), new("ipc"), new("uts"), new("network")],
        },
    };
}
