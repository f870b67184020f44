using System.Diagnostics;
using System.Formats.Tar;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>What the command line does of its own: on terminals, without a daemon, and over ssh.</summary>
public sealed class CommandLineTests(RegistryFixture fixture) : IClassFixture<RegistryFixture>
{
    [Fact]
    public async Task ATerminalShowsALineForEachLayerAndNoPassword()
    {
        string name = await PushedAsync();
        await using (var pull = new PtySession(fixture.Berth, ["run", "--pull", "always", "--rm", "--network", "none", name, "echo", "it runs"], columns: 120))
        {
            await pull.ExpectAsync("it runs");
            Assert.Equal(0, await pull.WaitAsync());
            Assert.Contains("Digest: sha256:", pull.FinalScreen(), StringComparison.Ordinal);
        }

        await using var login = new PtySession(fixture.Berth, ["login", fixture.Address]);
        await login.ExpectAsync("Username: ");
        login.Send("ann\n");
        await login.ExpectAsync("Password: ");
        login.Send("hidden-word\n");
        await login.ExpectAsync("Login Succeeded");
        Assert.Equal(0, await login.WaitAsync());
        Assert.DoesNotContain("hidden-word", login.FinalScreen(), StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("logout", fixture.Address)).Expect();
    }

    [Fact]
    public async Task ALayerThatComesIsDrawnInPlace()
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        using var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "own") { DataStream = new MemoryStream(Guid.NewGuid().ToByteArray()) });

        (await fixture.Berth.RunAsync(["import", "-", name], archive.ToArray())).Expect();
        (await fixture.Berth.RunAsync("push", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        await using var pull = new PtySession(fixture.Berth, ["pull", name], columns: 120);
        Assert.Equal(0, await pull.WaitAsync());
        Assert.Contains("\e[1A\e[2K\r", pull.FinalScreen(), StringComparison.Ordinal);
        Assert.EndsWith(name + "\r\n", pull.FinalScreen(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImagesGoToAndFromTheEngine()
    {
        string name = await PushedAsync();
        string copy = fixture.NewRepository();
        string digest = (await fixture.Berth.RunAsync("image", "copy", "-q", name, $"host:{copy}:here")).Expect().Line;
        Assert.Equal("1", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", copy + ":here", "echo", "1")).Expect().Line);
        Assert.Equal(digest, (await fixture.Berth.RunAsync("image", "copy", "-q", $"host:{copy}:here", $"{fixture.Address}/{copy}")).Expect().Line);
        Assert.Contains("0 blobs copied, 0B;", (await fixture.Berth.RunAsync("image", "copy", name, $"{fixture.Address}/{copy}:here")).Expect().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnEngineBehindSshIsLikeAnyOther()
    {
        string folder = Directory.CreateDirectory(Path.Combine(fixture.Daemon.Home, "ssh")).FullName;
        string ssh = Path.Combine(folder, "ssh");
        await File.WriteAllTextAsync(ssh, "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nexec sh -c \"$*\"\n"); // the other machine is this one
        File.SetUnixFileMode(ssh, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Equal("over ssh\n", (await OverSshAsync(folder, "over ssh", "run", "--rm", "-i", "--network", "none", "busybox", "cat")).Expect().Output);
        Assert.Contains("busybox", (await OverSshAsync(folder, "", "images")).Expect().Output, StringComparison.Ordinal);
        await File.WriteAllTextAsync(ssh, "#!/bin/sh\necho no route to host >&2\nexit 255\n");
        CommandResult failed = (await OverSshAsync(folder, "", "images")).Expect(1);
        Assert.Contains("no route to host\n", failed.Error, StringComparison.Ordinal);
        Assert.Contains("closed the connection without an answer", failed.Error, StringComparison.Ordinal);
    }

    private async Task<CommandResult> OverSshAsync(string path, string input, params string[] arguments)
    {
        ProcessStartInfo info = fixture.Berth.Describe(fixture.Berth.Program, ["-H", "ssh://me@machine.invalid", .. arguments]);
        info.Environment["PATH"] = $"{path}:{Binaries.Folder}:{Environment.GetEnvironmentVariable("PATH")}";
        await using var session = new CliSession(info);
        await session.WriteAsync(System.Text.Encoding.UTF8.GetBytes(input + "\n"));
        session.CloseInput();
        return await session.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task<string> PushedAsync()
    {
        string name = $"{fixture.Address}/{fixture.NewRepository()}:1";
        (await fixture.Berth.RunAsync("tag", "busybox", name)).Expect();
        (await fixture.Berth.RunAsync("push", name)).Expect();
        return name;
    }
}
