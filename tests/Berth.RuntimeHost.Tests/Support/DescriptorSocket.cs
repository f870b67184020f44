using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Berth.RuntimeHost.Tests.Support;

/// <summary>A unix socket that takes messages with one descriptor each (SCM_RIGHTS), as engines and seccomp agents have.</summary>
internal sealed unsafe partial class DescriptorSocket : IDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public DescriptorSocket(string path)
    {
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(4);
    }

    /// <summary>Waits for one connection and what it sends until its end.</summary>
    public (string Text, SafeFileHandle Descriptor) Receive()
    {
        if (!listener.Poll(TimeSpan.FromSeconds(20), SelectMode.SelectRead))
            throw new TimeoutException("nobody connected to the socket within 20 s");
        using Socket connection = listener.Accept();
        byte* control = stackalloc byte[64];
        byte[] data = new byte[16384];
        int descriptor = -1, length = 0;
        fixed (byte* bytes = data)
        {
            while (true)
            {
                var vector = new Vector { Start = bytes + length, Length = (nuint)(data.Length - length) };
                var message = new Message { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = 64 };
                nint count = recvmsg((int)connection.Handle, &message, 0x40000000); // MSG_CMSG_CLOEXEC
                if (count < 0)
                    throw new InvalidOperationException($"recvmsg: errno {Marshal.GetLastPInvokeError()}");
                if (message.ControlLength >= 20)
                    descriptor = *(int*)(control + 16);
                if (count == 0)
                    break;
                length += (int)count;
            }
        }

        return descriptor >= 0
            ? (Encoding.UTF8.GetString(data, 0, length), new SafeFileHandle(descriptor, ownsHandle: true))
            : throw new InvalidOperationException($"no descriptor came with \"{Encoding.UTF8.GetString(data, 0, length)}\"");
    }

    public void Dispose() => listener.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public byte* Start;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int socket, Message* message, int flags);
}
