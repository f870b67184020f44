using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Sockets;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Host;

/// <summary>Hands the listener of a process's seccomp filter to the agent that decides on its calls (config-linux.md, "The Container Process State").</summary>
internal static class SeccompListener
{
    /// <summary>Takes it from the process, which waits meanwhile, and sends it to <c>linux.seccomp.listenerPath</c>.</summary>
    /// <exception cref="LinuxException">There is no agent, or it refuses.</exception>
    public static void Send(ConcurrentProcess process, PlanRegister listener, RuntimeSpec spec, ContainerState state)
    {
        SeccompSpec seccomp = spec.Linux?.Seccomp ?? throw new InvalidOperationException("a listener comes of a filter");
        var told = new ContainerProcessState
        {
            OciVersion = spec.OciVersion, Fds = ["seccompFd"], Pid = process.Pid, Metadata = seccomp.ListenerMetadata, State = state,
        };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(told, RuntimeSpecJsonContext.Default.ContainerProcessState);
        using FileDescriptor taken = process.Take(listener);
        try
        {
            using FileDescriptor socket = DescriptorMessage.Connect(seccomp.ListenerPath ?? "");
            DescriptorMessage.Send(socket, json, taken.Number);
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, "handing the listener to the seccomp agent at linux.seccomp.listenerPath", seccomp.ListenerPath ?? "(none)");
        }
    }
}
