using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Berth.RuntimeHost.Tests.Support;

/// <summary>
/// The master of a pseudo terminal: one that the runtime sent, or one of the test's own with a program on the other end, as a user at a keyboard has it.
/// </summary>
internal sealed partial class TestTerminal : IDisposable
{
    private const int O_RDWR = 2, O_NOCTTY = 0x100, O_CLOEXEC = 0x80000;
    private const nuint TIOCSWINSZ = 0x5414;
    private readonly SafeFileHandle master;
    private readonly StringBuilder seen = new();
    private readonly Process? process;

    public TestTerminal(SafeFileHandle master)
    {
        this.master = master;
        new Thread(Read) { IsBackground = true }.Start();
    }

    /// <summary>Starts a shell's script; setsid(1) makes the terminal its controlling one.</summary>
    public TestTerminal(string script, int rows, int columns)
    {
        int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        byte[] name = new byte[64];
        if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, name, (nuint)name.Length) != 0)
            throw new InvalidOperationException($"no pseudo terminal: errno {Marshal.GetLastPInvokeError()}");
        master = new SafeFileHandle(fd, ownsHandle: true);
        Resize(rows, columns);
        var info = new ProcessStartInfo("/bin/sh", ["-c", "exec setsid -c -w /bin/sh -c \"$SCRIPT\" <>\"$PTY\" >&0 2>&0"]) { UseShellExecute = false };
        info.Environment["PTY"] = Encoding.ASCII.GetString(name, 0, Array.IndexOf(name, (byte)0));
        info.Environment["SCRIPT"] = script;
        process = Process.Start(info) ?? throw new InvalidOperationException("sh did not start");
        new Thread(Read) { IsBackground = true }.Start();
    }

    /// <summary>Everything it showed so far.</summary>
    public string Screen
    {
        get
        {
            lock (seen)
                return seen.ToString();
        }
    }

    public void Expect(string text)
    {
        var clock = Stopwatch.StartNew();
        while (!Screen.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(clock.Elapsed.TotalSeconds < 20, $"not within 20 s on the terminal: \"{text}\"; it shows:\n{Screen}");
            Thread.Sleep(10);
        }
    }

    /// <summary>Types.</summary>
    public void Type(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Assert.True(write((int)master.DangerousGetHandle(), bytes, (nuint)bytes.Length) == bytes.Length, $"not all was typed: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Changes its size, of which the kernel tells the foreground process.</summary>
    public void Resize(int rows, int columns)
    {
        ushort[] size = [(ushort)rows, (ushort)columns, 0, 0];
        if (ioctl((int)master.DangerousGetHandle(), TIOCSWINSZ, size) != 0)
            throw new InvalidOperationException($"TIOCSWINSZ: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Waits for the script's end.</summary>
    public int Wait()
    {
        Assert.True(process!.WaitForExit(20_000), $"the script did not end within 20 s; the terminal shows:\n{Screen}"); // only where there is a script
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (process is { HasExited: false })
            process.Kill(entireProcessTree: true);
        process?.Dispose();
        master.Dispose();
    }

    // Ends when the test lets go of the terminal. EIO: nobody has the other end open now.
    private void Read()
    {
        byte[] buffer = new byte[4096];
        while (!master.IsClosed)
        {
            nint count;
            try
            {
                bool held = false;
                master.DangerousAddRef(ref held);
                count = read((int)master.DangerousGetHandle(), buffer, (nuint)buffer.Length);
                master.DangerousRelease();
            }
            catch (ObjectDisposedException)
            {
                return;
            }

            if (count > 0)
            {
                lock (seen)
                    seen.Append(Encoding.UTF8.GetString(buffer, 0, (int)count));
            }
            else
            {
                Thread.Sleep(10);
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int posix_openpt(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int grantpt(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unlockpt(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ptsname_r(int fd, [Out] byte[] name, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, ushort[] size);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte[] buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, [Out] byte[] buffer, nuint length);
}
