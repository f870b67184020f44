using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.RuntimeHost;

/// <summary><c>berth-runtime run --bundle DIR ID</c>: runs a bundle in the foreground, for tests and by hand. Ends with the process's exit status.</summary>
internal static class RunCommand
{
    private const int MaxConfigBytes = 16 << 20;

    /// <param name="arguments">Those after the verb.</param>
    /// <returns>The process's exit status; 125 for a wrong call or a failed start, 126 and 127 as shells have them.</returns>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        if (arguments is not ["--bundle", var folder, var id])
        {
            Console.Error.WriteLine("usage: berth-runtime run --bundle DIR ID");
            return 125;
        }

        try
        {
            string bundle = Path.GetFullPath(folder);
            byte[] json = PlainFile.ReadAll(Path.Combine(bundle, "config.json"), MaxConfigBytes);
            RuntimeSpec spec = JsonSerializer.Deserialize(json, RuntimeSpecJsonContext.Default.RuntimeSpec)
                ?? throw new JsonException("config.json is null");
            bool terminal = spec.Process?.Terminal ?? false;
            using RunningContainer container = ContainerLauncher.Start(
                new ContainerStart(id, bundle, spec, [], User: null), terminal ? ProcessStdio.Terminal : new ProcessStdio(0, 1, 2));
            if (container.TerminalMaster is { } master)
                CopyOutput(master);
            int code = Wait(container.PidFd);
            container.RemoveCgroup();
            return code;
        }
        catch (ContainerStartException e)
        {
            Console.Error.WriteLine(e.Message);
            return e.Failure switch { StartFailure.CommandNotFound => 127, StartFailure.CommandNotExecutable => 126, _ => 125 };
        }
        catch (Exception e) when (e is LinuxException or JsonException)
        {
            Console.Error.WriteLine($"berth-runtime: {e.Message}");
            return 125;
        }
    }

    private static int Wait(FileDescriptor process)
    {
        while (true)
        {
            if (ChildProcess.TryReap(process) is { } end)
                return end.ShellCode;
            Thread.Sleep(1);
        }
    }

    // Until EIO: the last process has closed the slave.
    private static void CopyOutput(FileDescriptor master)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (DescriptorIo.TryRead(master.Number, buffer, out int count) == Errno.None && count > 0)
        {
            for (int done = 0; done < count;)
            {
                if (DescriptorIo.TryWrite(1, buffer[done..count], out int written) != Errno.None)
                    return;
                done += written;
            }
        }
    }
}
