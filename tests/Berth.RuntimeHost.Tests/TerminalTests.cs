using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Berth.RuntimeHost.Tests;

/// <summary>Terminals: handed to an engine over its socket, and shown on the caller's own.</summary>
public sealed class TerminalTests : RuntimeTest
{
    private const string Talk = "tty; stty size; read line; echo got $line; read line; exit 5";

    public TerminalTests() => Change(static spec => spec["process"]!["terminal"] = true);

    [Fact]
    public async Task TheMasterGoesToTheConsoleSocket()
    {
        Change(static spec => spec["process"]!["consoleSize"] = new JsonObject { ["height"] = 33, ["width"] = 77 });
        SetProgram("sh", "-c", Talk);
        string path = Path.Combine(Folder, "console.sock"), id = NewId();
        using var socket = new DescriptorSocket(path);
        Task<(string Text, SafeFileHandle Descriptor)> message = Task.Run(socket.Receive);
        _ = Expect(0, "create", "--console-socket", path, id);
        (string text, SafeFileHandle master) = await message;
        Assert.Equal("/dev/ptmx", text);
        using var terminal = new TestTerminal(master);
        _ = Expect(0, "start", id);
        terminal.Expect("/dev/pts/0\r\n33 77\r\n");
        terminal.Type("a line\n");
        terminal.Expect("got a line");
        terminal.Type("\n");
        AwaitStatus(id, "stopped");
    }

    [Fact]
    public async Task AnAddedProcessHasATerminalOfItsOwn()
    {
        Change(static spec => spec["process"]!["terminal"] = false);
        string path = Path.Combine(Folder, "console.sock"), id = Running();
        using var socket = new DescriptorSocket(path);
        Task<(string Text, SafeFileHandle Descriptor)> message = Task.Run(socket.Receive);
        _ = Expect(0, "exec", "--detach", "--tty", "--console-socket", path, id, "sh", "-c", Talk);
        (string text, SafeFileHandle master) = await message;
        Assert.Equal("/dev/ptmx", text);
        using var terminal = new TestTerminal(master);
        terminal.Expect("/dev/pts/0\r\n"); // without a size, as runc leaves it
        terminal.Resize(40, 120);
        Assert.Equal("40 120", Programs.Run("/bin/sh", ["-c", $"nsenter -t {PidOf(id)} -m -r stty size </proc/{PidOf(id)}/root/dev/pts/0"]).Output.Trim());
        terminal.Type("words\n");
        terminal.Expect("got words");
    }

    // runc is asked as well, where it is installed: the name that comes with the descriptor is all that the protocol has.
    [Fact]
    public async Task TheMessageIsRuncs()
    {
        if (Programs.Runc is not { } runc)
            return; // nothing to compare with: eng/prepare --tests installs it where there is a package
        var texts = new List<string>();
        foreach (string program in (string[])[runc, Programs.Runtime])
        {
            string path = Path.Combine(Folder, $"console{texts.Count}.sock"), id = NewId();
            using var socket = new DescriptorSocket(path);
            Task<(string Text, SafeFileHandle Descriptor)> message = Task.Run(socket.Receive);
            Outcome made = Programs.Run(program, ["--root", Path.Combine(Folder, "other"), "create", "--bundle", Bundle, "--console-socket", path, id]);
            Assert.True(made.Code == 0, made.ToString());
            (string text, SafeFileHandle master) = await message;
            master.Dispose();
            texts.Add(text);
            _ = Programs.Run(program, ["--root", Path.Combine(Folder, "other"), "delete", "--force", id]);
        }

        Assert.Equal(texts[0], texts[1]);
    }

    [Fact]
    public void ASocketThatIsNotThereIsAnErrorThatNamesIt()
    {
        string path = Path.Combine(Folder, "nobody.sock");
        Assert.Contains(path, Expect(1, "create", "--console-socket", path, NewId()).Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(State) && Directory.GetDirectories(State).Length > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void InTheForegroundTheTerminalIsTheCallers(bool exec)
    {
        const string Program = "stty size; trap 'stty size' WINCH; trap 'exit 4' INT; echo ready; while :; do sleep 0.05; done";
        string command;
        if (exec)
        {
            Change(static spec => spec["process"]!["terminal"] = false);
            command = $"exec -t {Running()} sh -c \"{Program}\"";
        }
        else
        {
            SetProgram("sh", "-c", Program);
            command = $"run --bundle {Bundle} {NewId()}";
        }

        using var terminal = new TestTerminal($"{Programs.Runtime} --root {State} {command}; echo \"ended $?\"; stty -a", rows: 24, columns: 80);
        terminal.Expect("24 80\r\nready\r\n");
        terminal.Resize(30, 100);
        terminal.Expect("30 100\r\n");
        terminal.Type("\x03");
        terminal.Expect("ended 4\r\n");
        Assert.Equal(0, terminal.Wait());
        terminal.Expect(" icanon"); // as it was, so that the caller's shell can be used again
        Assert.Contains(" echo ", terminal.Screen, StringComparison.Ordinal);
    }
}
