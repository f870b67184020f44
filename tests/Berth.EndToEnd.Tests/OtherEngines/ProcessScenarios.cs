using System.Text;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>What docker's and podman's users do, with berth-runtime below; everything that needs no cgroups.</summary>
public abstract class ProcessScenarios(EngineFixture fixture)
{
    private const string Waiter = "trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo started; while true; do sleep 0.05; done";

    protected Cli Cli => fixture.Cli;

    [EngineFact]
    public async Task RunShowsOutputAndErrorsApartAndEndsWithTheStatus()
    {
        CommandResult result = (await RunAsync("", "sh", "-c", "echo out; echo err >&2; exit 42")).Expect(42);
        Assert.Equal("out\n", result.Output);
        Assert.Equal("err\n", result.Error);
    }

    [EngineFact]
    public async Task WhatCannotBeExecutedIsToldAsWithRunc()
    {
        Assert.Contains("exec: \"nosuch\": executable file not found in $PATH", (await RunAsync("", "nosuch")).Expect(127).Error, StringComparison.Ordinal);
        Assert.Contains("exec: \"/no/such\": stat /no/such: no such file or directory", (await RunAsync("", "/no/such")).Expect(127).Error, StringComparison.Ordinal);
        Assert.Contains("exec: \"/etc/passwd\": permission denied", (await RunAsync("", "/etc/passwd")).Expect(126).Error, StringComparison.Ordinal);
        Assert.NotEqual(0, (await RunAsync("-w /etc/passwd", "true")).ExitCode);
    }

    [EngineFact]
    public async Task InputIsPipedUntilItsEnd()
    {
        byte[] input = new byte[2_000_000];
        new Random(1).NextBytes(input);
        CommandResult result = (await Cli.RunAsync(["run", "--rm", "-i", .. fixture.MakeOptions, fixture.Image, "cat"], input)).Expect();
        Assert.Equal(input, result.OutputBytes);
    }

    [EngineFact]
    public async Task ATerminalHasASizeAndItsUser()
    {
        await using var session = new PtySession(Cli, ["run", "--rm", "-it", "-u", "nobody", .. fixture.MakeOptions, fixture.Image, "sh"], rows: 33, columns: 99);
        session.Send("echo wai''ting\n");
        await session.ExpectAsync("waiting", 20);
        session.Send("tty; stat -c 'owner %U' /dev/console; stty size\n");
        await session.ExpectAsync("/dev/pts/0");
        await session.ExpectAsync("owner nobody");
        await session.ExpectAsync("33 99");
        session.Resize(40, 120);
        session.Send("sleep 0.3; stty size\n");
        await session.ExpectAsync("40 120");
        session.Send("exit 5\n");
        Assert.Equal(5, await session.WaitAsync());
    }

    [EngineFact]
    public async Task EnvironmentUserFolderAndHostNameArriveInside()
    {
        CommandResult result = await RunAsync("-e COLOUR=blue -u nobody -w /var --hostname box", "sh", "-c", "echo $COLOUR $(id -u):$(id -g) $(pwd) $(hostname) $HOME");
        Assert.Equal("blue 65534:65534 /var box /home", result.Expect().Line);
        Assert.Equal("12:34 34 77", (await RunAsync("-u 12:34 --group-add 77", "sh", "-c", "echo $(id -u):$(id -g) $(id -G | tr ' ' '\\n' | sort -n)")).Expect().Line);
        Assert.NotEqual(0, (await RunAsync("-u nosuchuser", "true")).ExitCode);
    }

    [EngineFact]
    public async Task CapabilitiesAreAddedAndDropped()
    {
        string[] some = Caps(await RunAsync("--cap-drop ALL --cap-add NET_RAW", "grep", "Cap", "/proc/self/status"));
        Assert.Equal(["0000000000000000", "0000000000002000", "0000000000002000", "0000000000002000", "0000000000000000"], some);
        string[] admin = Caps(await RunAsync("--cap-add SYS_ADMIN", "grep", "Cap", "/proc/self/status"));
        Assert.NotEqual(0UL, Convert.ToUInt64(admin[2], 16) & 1 << 21);
        string[] user = Caps(await RunAsync("-u nobody", "grep", "Cap", "/proc/self/status"));
        Assert.Equal("0000000000000000", user[2]);
    }

    [EngineFact]
    public async Task SeccompAndNewPrivileges()
    {
        string[] command = ["sh", "-c", "awk '/^(Seccomp|NoNewPrivs):/ {printf \"%s%s \", $1, $2}' /proc/self/status"];
        Assert.Equal("NoNewPrivs:0 Seccomp:2", (await RunAsync("", command)).Expect().Line.Trim());
        Assert.Equal("NoNewPrivs:1 Seccomp:0", (await RunAsync("--security-opt seccomp=unconfined --security-opt no-new-privileges", command)).Expect().Line.Trim());
        string profile = fixture.Folder + "/profile.json";
        await File.WriteAllTextAsync(profile, """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}""");
        Assert.Contains("not supported", (await RunAsync("--security-opt seccomp=" + profile, "mkdir", "/x")).Expect(1).Error, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task FileSystemsAreAsAskedFor()
    {
        Assert.Equal("readonly", (await RunAsync("--read-only", "sh", "-c", "touch /x 2>/dev/null || echo readonly; touch /dev/shm/x")).Expect().Line);
        Assert.Equal("1700 1024", (await RunAsync("--tmpfs /t:size=1m,mode=1700", "sh", "-c", "echo $(stat -c %a /t) $(df -k /t | awk 'END {print $2}')")).Expect().Line);
        Assert.Equal("3072", (await RunAsync("--shm-size 3m", "sh", "-c", "df -k /dev/shm | awk 'END {print $2}'")).Expect().Line);
        Assert.Equal("0", (await RunAsync("", "sh", "-c", "grep -c -e /var/tmp -e ' /sys .* rw,.* - sysfs' /proc/self/mountinfo; true")).Expect().Line);
        Assert.Contains("Read-only file system", (await RunAsync("", "sh", "-c", "echo 1 >/proc/sys/kernel/panic")).Expect(1).Error, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task FoldersAndFilesAreBound()
    {
        string folder = Directory.CreateDirectory($"{fixture.Folder}/{fixture.NewName()}").FullName;
        await File.WriteAllTextAsync(folder + "/in", "inside\n");
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        Assert.Equal("inside", (await RunAsync($"-v {folder}:/v", "sh", "-c", "cat /v/in; echo outside >/v/out")).Expect().Line);
        Assert.Equal("outside\n", await File.ReadAllTextAsync(folder + "/out"));
        Assert.Equal("inside", (await RunAsync($"-v {folder}:/v:ro -v {folder}/in:/etc/one:ro", "sh", "-c", "cat /etc/one; ! touch /v/x 2>/dev/null")).Expect().Line);
    }

    [EngineFact]
    public async Task LimitsOfProcesses() =>
        Assert.Equal("100 200 0", (await RunAsync("--ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=900:900", "sh", "-c", "echo $(ulimit -n) $(ulimit -Hn) $(ulimit -c)")).Expect().Line);

    [EngineFact]
    public async Task SysctlsOfItsNamespaces() =>
        Assert.Equal("9000 1", (await RunAsync("--sysctl kernel.msgmax=9000 --sysctl net.ipv4.ip_forward=1", "sh", "-c", "echo $(cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward)")).Expect().Line);

    [EngineFact]
    public async Task AnInitReaps()
    {
        CommandResult result = (await Cli.RunAsync(
            ["run", "--rm", .. fixture.MakeOptions, .. fixture.InitOptions, fixture.Image,
                "sh", "-c", "(sleep 0.1 &); sleep 0.4; tr '\\0' ' ' </proc/1/cmdline; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l"])).Expect();
        Assert.Matches("init -- sh .*0\n$", result.Output);
    }

    [EngineFact]
    public async Task FromCreationToRemoval()
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["create", "--name", name, .. fixture.MakeOptions, fixture.Image, "sh", "-c", Waiter])).Expect();
        Assert.NotEqual(0, (await Cli.RunAsync("exec", name, "true")).ExitCode);
        (await Cli.RunAsync("start", name)).Expect();
        await LogsAsync(name, "started\n");
        (await Cli.RunAsync("kill", "-s", "USR1", name)).Expect();
        await LogsAsync(name, "started\nusr1\n");
        (await Cli.RunAsync("stop", "-t", "5", name)).Expect();
        await LogsAsync(name, "started\nusr1\nterm\n");
        Assert.Equal("exited 7", await InspectAsync(name, "{{.State.Status}} {{.State.ExitCode}}"));
        (await Cli.RunAsync("start", name)).Expect();
        (await Cli.RunAsync("restart", "-t", "1", name)).Expect();
        (await Cli.RunAsync("kill", name)).Expect();
        Assert.Equal("137", (await Cli.RunAsync("wait", name)).Expect().Line);
        (await Cli.RunAsync("start", name)).Expect();
        (await Cli.RunAsync("rm", "-f", name)).Expect();
        Assert.NotEqual(0, (await Cli.RunAsync("inspect", name)).ExitCode);
    }

    [EngineFact]
    public async Task StopKillsWhatIgnoresTheSignal()
    {
        string name = await StartAsync("", "sh", "-c", "trap '' TERM; while true; do sleep 0.05; done");
        await Task.Delay(200); // the shell needs a moment until its trap is set
        (await Cli.RunAsync("stop", "-t", "1", name)).Expect();
        Assert.Equal("137", await InspectAsync(name, "{{.State.ExitCode}}"));
    }

    [EngineFact]
    public async Task ProcessesAreAdded()
    {
        string name = await StartAsync("-e FIRST=1", "sleep", "1000");
        Assert.Equal("nobody /tmp 1 2", (await Cli.RunAsync("exec", "-u", "nobody", "-w", "/tmp", "-e", "SECOND=2", name, "sh", "-c", "echo $(id -un) $(pwd) $FIRST $SECOND")).Expect().Line);
        (await Cli.RunAsync("exec", name, "sh", "-c", "exit 9")).Expect(9);
        (await Cli.RunAsync("exec", name, "sh", "-c", "kill -9 $$")).Expect(137);
        Assert.Equal("piped", (await Cli.RunAsync(["exec", "-i", name, "cat"], Encoding.UTF8.GetBytes("piped\n"))).Expect().Line);
        (await Cli.RunAsync("exec", "-d", name, "sh", "-c", "echo detached >/tmp/made")).Expect();
        await Poll.UntilAsync(async () => (await Cli.RunAsync("exec", name, "cat", "/tmp/made")).Line == "detached", "the file of the detached process");
        Assert.Equal(
            Caps(await RunAsync("", "grep", "Cap", "/proc/self/status")), Caps(await Cli.RunAsync("exec", name, "grep", "Cap", "/proc/self/status")));
        Assert.Equal("Seccomp:2", (await Cli.RunAsync("exec", name, "awk", "/^Seccomp:/ {print $1 $2}", "/proc/self/status")).Expect().Line);
    }

    [EngineFact]
    public async Task WhatCannotBeAddedIsToldAsWithRunc()
    {
        string name = await StartAsync("", "sleep", "1000");
        CommandResult missing = await Cli.RunAsync("exec", name, "nosuch");
        Assert.InRange(missing.ExitCode, 126, 127); // docker's clients had 126 for this until version 23
        Assert.Contains("exec: \"nosuch\": executable file not found in $PATH", missing.Output + missing.Error, StringComparison.Ordinal);
        CommandResult refused = (await Cli.RunAsync("exec", name, "/etc/passwd")).Expect(126);
        Assert.Contains("exec: \"/etc/passwd\": permission denied", refused.Output + refused.Error, StringComparison.Ordinal);
        CommandResult folder = await Cli.RunAsync("exec", "-w", "/nosuch", name, "pwd");
        Assert.Contains("chdir to cwd (\"/nosuch\") set in config.json failed: no such file or directory", folder.Output + folder.Error, StringComparison.Ordinal);
    }

    [EngineFact]
    public async Task AnAddedTerminalHasASizeAndItsUser()
    {
        string name = await StartAsync("", "sleep", "1000");
        await using (var session = new PtySession(Cli, ["exec", "-it", "-u", "nobody", name, "sh"], rows: 20, columns: 70))
        {
            session.Send("sleep 0.5; tty; stat -c 'owner %U' $(tty); stty size; (echo reopened >$(tty)); exit 3\n");
            await session.ExpectAsync("/dev/pts/0", 20);
            await session.ExpectAsync("owner nobody");
            await session.ExpectAsync("20 70");
            await session.ExpectAsync("\nreopened");
            Assert.Equal(3, await session.WaitAsync());
        }

        // The first terminal may still be there, as an engine lets go of it after it has told the end: its own is asked for.
        await using var second = new PtySession(Cli, ["exec", "-it", name, "sh", "-c", "stat -c 'owner %U' $(tty)"]);
        await second.ExpectAsync("owner root", 20);
        Assert.Equal(0, await second.WaitAsync());
    }

    [EngineFact]
    public async Task NamespacesOfAnotherContainerAreJoined()
    {
        string name = await StartAsync("--ipc shareable", "sleep", "1234");
        string[] options = [.. fixture.MakeOptions.Where((word, i) => word != "none" && (word != "--network" || fixture.MakeOptions[i + 1] != "none"))];
        CommandResult result = (await Cli.RunAsync(
            ["run", "--rm", .. options, "--network", "container:" + name, "--pid", "container:" + name, "--ipc", "container:" + name, fixture.Image,
                "sh", "-c", "ps -o args | grep -c '^sleep 1234'; for i in 1 self; do for n in net ipc pid; do readlink /proc/$i/ns/$n; done; done"])).Expect();
        string[] lines = result.Line.Split('\n');
        Assert.Equal("1", lines[0]);
        Assert.Equal(lines[1..4], lines[4..7]);
    }

    [EngineFact]
    public async Task ManyAtOnce()
    {
        CommandResult[] results = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => RunAsync("", "sh", "-c", $"echo {i}; exit {i}")));
        for (int i = 0; i < results.Length; i++)
            Assert.Equal($"{i}", results[i].Expect(i).Line);
    }

    /// <summary>Runs a container to its end; <paramref name="options"/> are separated by spaces.</summary>
    protected Task<CommandResult> RunAsync(string options, params string[] command) =>
        Cli.RunAsync(["run", "--rm", .. fixture.MakeOptions, .. Words(options), fixture.Image, .. command], stdin: null, TimeSpan.FromSeconds(60));

    /// <summary>Starts a container in the background; its name.</summary>
    protected async Task<string> StartAsync(string options, params string[] command)
    {
        string name = fixture.NewName();
        (await Cli.RunAsync(["run", "-d", "--name", name, .. fixture.MakeOptions, .. Words(options), fixture.Image, .. command])).Expect();
        return name;
    }

    protected async Task<string> InspectAsync(string name, string format) => (await Cli.RunAsync("inspect", "-f", format, name)).Expect().Line;

    /// <summary>The five sets as /proc/PID/status shows them.</summary>
    protected static string[] Caps(CommandResult result) => [.. result.Expect().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line[^16..])];

    private Task LogsAsync(string name, string wanted) =>
        Poll.UntilAsync(async () => (await Cli.RunAsync("logs", name)).Expect().Output == wanted, $"the logs \"{wanted}\"");

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
