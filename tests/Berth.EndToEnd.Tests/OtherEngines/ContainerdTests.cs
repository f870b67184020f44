using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>A stock containerd, with berth-runtime named on ctr's command line.</summary>
public sealed class ContainerdFixture : EngineFixture
{
    public override string Image => "localhost/busybox:latest";

    public override IReadOnlyList<string> MakeOptions => ["--runc-binary", Sandbox.Runtime];

    internal override Task<EngineSandbox> StartAsync() => EngineSandbox.StartAsync(
        """
        cat >/run/containerd.toml <<END
        version = 2
        root = "$HOME/root"
        state = "/run/state"
        disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
        [grpc]
        address = "/run/containerd.sock"
        END
        containerd -c /run/containerd.toml
        """,
        Connect, "version");

    internal override Cli Connect(EngineSandbox started) => started.Client("cli", "ctr -a /run/containerd.sock");

    internal override async Task ImportAsync(EngineSandbox started)
    {
        await File.WriteAllBytesAsync(started.Home + "/image.tar", ImageArchive());
        (await Cli.RunAsync("images", "import", "--base-name", "localhost/busybox", started.Home + "/image.tar")).Expect();
        Assert.Equal(Image, (await Cli.RunAsync("images", "ls", "-q")).Expect().Line);
    }

    internal override async Task RemoveAllAsync()
    {
        foreach (string task in (await Cli.RunAsync("tasks", "ls", "-q")).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            _ = await Cli.RunAsync("tasks", "rm", "-f", task); // its status is the task's
        foreach (string container in (await Cli.RunAsync("containers", "ls", "-q")).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            (await Cli.RunAsync("containers", "rm", container)).Expect();
    }

    // An OCI image layout (image-spec, image-layout.md) of one layer, as a tar archive.
    private static byte[] ImageArchive()
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Pax, leaveOpen: true))
        {
            string layer = AddBlob(writer, BusyboxImage.Tar);
            byte[] config = Encoding.UTF8.GetBytes(
                $$$"""{"architecture":"{{{Architecture}}}","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:{{{layer}}}"]}}""");
            string configDigest = AddBlob(writer, config);
            byte[] manifest = Encoding.UTF8.GetBytes(
                $$$"""
                {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
                "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{{{configDigest}}}","size":{{{config.Length}}}},
                "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:{{{layer}}}","size":{{{BusyboxImage.Tar.Length}}}}]}
                """);
            string manifestDigest = AddBlob(writer, manifest);
            Add(writer, "oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray());
            Add(writer, "index.json", Encoding.UTF8.GetBytes(
                $$$"""
                {"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{{{manifestDigest}}}","size":{{{manifest.Length}}},
                "annotations":{"org.opencontainers.image.ref.name":"latest"}}]}
                """));
        }

        return result.ToArray();
    }

    private static string Architecture => System.Runtime.InteropServices.RuntimeInformation.OSArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        _ => "amd64",
    };

    private static string AddBlob(TarWriter writer, byte[] content)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(content));
        Add(writer, "blobs/sha256/" + digest, content);
        return digest;
    }

    private static void Add(TarWriter writer, string name, byte[] content) =>
        writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
}

[Needs("containerd ctr unshare nsenter")]
public sealed class ContainerdTests(ContainerdFixture fixture) : IClassFixture<ContainerdFixture>
{
    private int execs;

    private Cli Cli => fixture.Cli;

    [EngineFact]
    public async Task RunShowsOutputAndEndsWithTheStatus()
    {
        CommandResult result = (await RunAsync("", "sh", "-c", "echo out; echo err >&2; exit 42")).Expect(42);
        Assert.Equal("out\n", result.Output);
        Assert.Contains("err\n", result.Error, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task WhatCannotBeExecutedIsTold()
    {
        Assert.Contains("exec: \"nosuch\": executable file not found in $PATH", (await RunAsync("", "nosuch")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("exec: \"/etc/passwd\": permission denied", (await RunAsync("", "/etc/passwd")).Expect(1).Error, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task ATerminalHasASize()
    {
        string name = fixture.NewName();
        await using var session = new PtySession(Cli, ["run", "--rm", "-t", .. fixture.MakeOptions, "--cgroup", Parent(name), fixture.Image, name, "sh"], rows: 33, columns: 99);
        session.Send("sleep 0.5; tty; stty size; exit 5\n");
        await session.ExpectAsync("/dev/pts/0", 20);
        await session.ExpectAsync("33 99");
        Assert.Equal(5, await session.WaitAsync());
    }

    [EngineFact]
    public async Task OptionsArriveInside()
    {
        Assert.Equal("/tmp b", (await RunAsync("--cwd /tmp --env A=b", "sh", "-c", "echo $(pwd) $A")).Expect().Line);
        Assert.Equal("2", (await RunAsync("--seccomp", "awk", "/^Seccomp:/ {print $2}", "/proc/self/status")).Expect().Line);
        Assert.Equal("readonly", (await RunAsync("--read-only", "sh", "-c", "touch /x 2>/dev/null || echo readonly")).Expect().Line);
        Assert.Equal("mounted", (await RunAsync("--privileged --allow-new-privs", "sh", "-c", "mount -t tmpfs x /tmp && echo mounted")).Expect().Line);
        Assert.Equal("crw-", (await RunAsync("--device /dev/kmsg", "sh", "-c", "ls -l /dev/kmsg | cut -c1-4")).Expect().Line);
        Assert.Equal("0 300000 5000", (await RunAsync("--uidmap 0:300000:5000 --gidmap 0:300000:5000", "awk", "{print $1, $2, $3}", "/proc/self/uid_map")).Expect().Line);
        Assert.Equal("joined", (await RunAsync("--with-ns pid:/proc/1/ns/pid", "sh", "-c", "test $$ -gt 1 && echo joined")).Expect().Line);
        Assert.Equal("without", (await RunAsync("--no-pivot", "echo", "without")).Expect().Line);
    }

    [EngineFact]
    public async Task FoldersAreBound()
    {
        string folder = Directory.CreateDirectory($"{fixture.Folder}/{fixture.NewName()}").FullName;
        await File.WriteAllTextAsync(folder + "/in", "inside\n");
        Assert.Equal("inside", (await RunAsync($"--mount type=bind,src={folder},dst=/v,options=rbind:ro", "sh", "-c", "cat /v/in; ! touch /v/x 2>/dev/null")).Expect().Line);
    }

    [EngineFact]
    public async Task ATaskIsMadeUsedAndRemoved()
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["run", "-d", "--null-io", "--memory-limit", "50003968", .. fixture.MakeOptions, "--cgroup", Parent(name), fixture.Image, name, "sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.05; done"])).Expect();
        Assert.Contains("RUNNING", await TaskAsync(name), StringComparison.Ordinal);
        Assert.Equal("hi", (await ExecAsync(name, "", "sh", "-c", "echo hi; exit 3")).Expect(3).Line);
        Assert.Equal("65534 /tmp", (await ExecAsync(name, "--user 65534 --cwd /tmp", "sh", "-c", "echo $(id -u) $(pwd)")).Expect().Line);
        Assert.Contains("executable file not found in $PATH", (await ExecAsync(name, "", "nosuch")).Expect(1).Error, StringComparison.Ordinal);
        Assert.True((await Cli.RunAsync("task", "ps", name)).Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length >= 2, "a title and at least one process");
        Assert.Matches("(?m)^memory.limit_in_bytes +50003968", (await Cli.RunAsync("task", "metrics", name)).Expect().Output);
        Assert.Matches("(?m)^pids.current +[1-9]", (await Cli.RunAsync("task", "metrics", name)).Expect().Output);

        (await Cli.RunAsync("task", "pause", name)).Expect();
        Assert.Contains("PAUSED", await TaskAsync(name), StringComparison.Ordinal);
        Assert.NotEqual(0, (await ExecAsync(name, "", "true")).ExitCode);
        (await Cli.RunAsync("task", "resume", name)).Expect();
        (await ExecAsync(name, "", "true")).Expect();

        Assert.NotEqual(0, (await Cli.RunAsync("task", "rm", name)).ExitCode);
        (await Cli.RunAsync("task", "kill", "-s", "SIGTERM", name)).Expect();
        await Poll.UntilAsync(async () => (await TaskAsync(name)).Contains("STOPPED", StringComparison.Ordinal), "the task's end");
        Assert.Contains("exit code 7", (await Cli.RunAsync("task", "rm", name)).Error, StringComparison.Ordinal);
        (await Cli.RunAsync("container", "rm", name)).Expect();
    }

    [EngineFact]
    public async Task AKilledTaskIsRemovedByForce()
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["run", "-d", "--null-io", .. fixture.MakeOptions, "--cgroup", Parent(name), fixture.Image, name, "sleep", "1000"])).Expect();
        Assert.Contains("exit code 137", (await Cli.RunAsync("task", "rm", "-f", name)).Error, StringComparison.Ordinal);
        (await Cli.RunAsync("container", "rm", name)).Expect();
    }

    private string Parent(string name) => $"{fixture.Sandbox.CgroupParent}/{name}";

    private Task<CommandResult> RunAsync(string options, params string[] command)
    {
        string name = fixture.NewName();
        return Cli.RunAsync(["run", "--rm", .. fixture.MakeOptions, "--cgroup", Parent(name), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), fixture.Image, name, .. command]);
    }

    private Task<CommandResult> ExecAsync(string name, string options, params string[] command) =>
        Cli.RunAsync(["task", "exec", "--exec-id", "e" + (++execs).ToString(CultureInfo.InvariantCulture), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), name, .. command]);

    private async Task<string> TaskAsync(string name) =>
        (await Cli.RunAsync("task", "ls")).Expect().Output.Split('\n').Single(line => line.StartsWith(name + " ", StringComparison.Ordinal));
}
