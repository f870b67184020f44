using System.Text;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.RuntimeHost.Verbs;

/// <summary>Runs a program of the host and takes its standard output; its standard error is ours.</summary>
internal static class HostProgram
{
    /// <summary>Runs it to its end.</summary>
    /// <param name="name">Looked for in PATH.</param>
    /// <param name="arguments">Those after the name.</param>
    /// <exception cref="IOException">There is none, or it failed.</exception>
    public static string Capture(string name, IReadOnlyList<string> arguments)
    {
        string path = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new IOException($"exec: \"{name}\": executable file not found in $PATH");
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            int pid;
            FileDescriptor process;
            using (write)
            using (var plan = new SyscallPlan())
            {
                SyscallNumbers calls = SyscallNumbers.Current;
                plan.Call("connecting the streams", calls.Dup3, write.Number, 1, 0);
                plan.Call("unblocking signals", calls.RtSigprocmask, 2, plan.Words(0), 0, 8);
                string[] environment = ["PATH=" + Environment.GetEnvironmentVariable("PATH"), "COLUMNS=200"];
                plan.Call($"execute {path}", calls.Execve, plan.Text(path), plan.Strings([name, .. arguments]), plan.Strings(environment));
                (pid, process) = ProcessSpawner.Spawn(plan);
            }

            using (process)
                return Finish(name, read, pid, process);
        }
    }

    private static string Finish(string name, FileDescriptor read, int pid, FileDescriptor process)
    {
        using var output = new MemoryStream();
        byte[] buffer = new byte[8192];
        while (DescriptorIo.TryRead(read.Number, buffer, out int count) == Errno.None && count > 0)
            output.Write(buffer, 0, count);
        using var poll = new EventPoll(1);
        poll.Add(process.Number, PollEvents.In, 0);
        _ = poll.Wait(-1);
        int code = ChildProcess.TryReap(pid)?.ShellCode ?? 0;
        return code == 0 ? Encoding.UTF8.GetString(output.ToArray()) : throw new IOException($"{name}: exit status {code}");
    }
}
