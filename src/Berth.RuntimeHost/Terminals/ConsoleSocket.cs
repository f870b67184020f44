using System.Text;
using Berth.Linux;
using Berth.Linux.Sockets;
using Berth.Runtime.State;

namespace Berth.RuntimeHost.Terminals;

/// <summary>The socket (<c>--console-socket</c>) over which the master of a container's terminal goes to whoever is to keep it.</summary>
internal sealed class ConsoleSocket : IDisposable
{
    private readonly FileDescriptor socket;

    private ConsoleSocket(FileDescriptor socket) => this.socket = socket;

    /// <summary>Connects, or returns null when there is no such socket to use.</summary>
    /// <param name="path">As it was given.</param>
    /// <param name="terminal">Whether the process is to have a terminal.</param>
    /// <param name="detach">Whether nobody here will serve it.</param>
    /// <exception cref="StateException">The three do not go together.</exception>
    /// <exception cref="LinuxException">The socket refuses.</exception>
    public static ConsoleSocket? Connect(string? path, bool terminal, bool detach)
    {
        if (string.IsNullOrEmpty(path))
        {
            return terminal && detach
                ? throw new StateException($"cannot allocate tty if {Program.Name} will detach without setting console socket")
                : null;
        }

        if (!terminal || !detach)
            throw new StateException($"cannot use console socket if {Program.Name} will not detach or allocate tty");
        return new ConsoleSocket(DescriptorMessage.Connect(path));
    }

    /// <summary>Sends the master; the message's text is a name for it, as runc sends one.</summary>
    /// <exception cref="LinuxException">The other side is gone.</exception>
    public void Send(FileDescriptor master) => DescriptorMessage.Send(socket, Encoding.UTF8.GetBytes("/dev/ptmx"), master.Number);

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();
}
