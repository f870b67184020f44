using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>
/// A command with a terminal of its own, as a user at a keyboard has it. The test holds the terminal's other end; util-linux' setsid makes it the
/// command's controlling terminal, so that nothing is forked from here.
/// </summary>
internal sealed partial class PtySession : IAsyncDisposable
{
    private const int O_RDWR = 2;
    private const int O_NOCTTY = 0x100;
    private const int O_CLOEXEC = 0x80000;
    private const nuint TIOCSWINSZ = 0x5414;

    private readonly SafeFileHandle master;
    private readonly Process process;
    private readonly StringBuilder seen = new();
    private readonly Thread reader;

    public PtySession(Cli cli, string[] args, int rows = 24, int columns = 80)
    {
        int fd = OpenMaster(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || Grant(fd) != 0 || Unlock(fd) != 0)
        {
            throw new InvalidOperationException($"no pseudo terminal: errno {Marshal.GetLastPInvokeError()}");
        }

        master = new SafeFileHandle(fd, ownsHandle: true);
        byte[] name = new byte[64];
        if (SlaveName(fd, name, (nuint)name.Length) != 0)
        {
            throw new InvalidOperationException($"no name of the pseudo terminal: errno {Marshal.GetLastPInvokeError()}");
        }

        string slave = Encoding.ASCII.GetString(name, 0, Array.IndexOf(name, (byte)0));
        Resize(rows, columns);
        ProcessStartInfo info = cli.Describe("/bin/sh", ["-c", "exec setsid -c -w \"$@\" <>\"$PTY\" >&0 2>&0", "sh", cli.Program, .. args]);
        info.Environment["PTY"] = slave;
        process = Process.Start(info) ?? throw new InvalidOperationException("sh did not start");
        reader = new Thread(Read) { IsBackground = true };
        reader.Start();
    }

    /// <summary>Everything the terminal showed so far.</summary>
    public string Screen
    {
        get
        {
            lock (seen)
            {
                return seen.ToString();
            }
        }
    }

    /// <summary>All that the terminal showed, once its command has ended.</summary>
    public string FinalScreen()
    {
        Assert.True(reader.Join(TimeSpan.FromSeconds(5)), "somebody still has the terminal open");
        return Screen;
    }

    /// <summary>Types; <c>\x10</c> is Ctrl-P.</summary>
    public void Send(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        nint written = WriteTo((int)master.DangerousGetHandle(), bytes, (nuint)bytes.Length);
        Assert.True(written == bytes.Length, $"{written} of {bytes.Length} bytes were typed: errno {Marshal.GetLastPInvokeError()}");
    }

    public async Task ExpectAsync(string text, int seconds = 10)
    {
        var clock = Stopwatch.StartNew();
        while (!Screen.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(clock.Elapsed.TotalSeconds < seconds, $"not within {seconds} s: \"{text}\" on the terminal, which shows:\n{Screen}");
            await Task.Delay(20);
        }
    }

    /// <summary>Changes the terminal's size; the kernel sends SIGWINCH.</summary>
    public void Resize(int rows, int columns)
    {
        ushort[] size = [(ushort)rows, (ushort)columns, 0, 0];
        if (SetSize((int)master.DangerousGetHandle(), TIOCSWINSZ, size) != 0)
        {
            throw new InvalidOperationException($"TIOCSWINSZ {rows.ToString(CultureInfo.InvariantCulture)}: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>Waits for the command's end; its exit status.</summary>
    public async Task<int> WaitAsync(int seconds = 20)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"the command on the terminal did not end within {seconds} s; it shows:\n{Screen}");
        }

        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        reader.Join(TimeSpan.FromSeconds(5)); // ends with EIO once nobody holds the terminal
        master.Dispose();
        process.Dispose();
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        Decoder decoder = Encoding.UTF8.GetDecoder();
        char[] text = new char[4096];
        bool wasOpen = false;
        while (true)
        {
            nint read = ReadFrom((int)master.DangerousGetHandle(), buffer, (nuint)buffer.Length);
            if (read <= 0)
            {
                // EIO: nobody has the other end open; at first the command has not opened it yet.
                if (wasOpen || process.HasExited)
                {
                    return;
                }

                Thread.Sleep(5);
                continue;
            }

            wasOpen = true;
            int count = decoder.GetChars(buffer, 0, (int)read, text, 0);
            lock (seen)
            {
                seen.Append(text, 0, count);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int OpenMaster(int flags);

    [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
    private static partial int Grant(int fd);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    private static partial int Unlock(int fd);

    [LibraryImport("libc", EntryPoint = "ptsname_r", SetLastError = true)]
    private static partial int SlaveName(int fd, [Out] byte[] name, nuint length);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int SetSize(int fd, nuint request, ushort[] size);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(int fd, byte[] buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFrom(int fd, [Out] byte[] buffer, nuint length);
}
