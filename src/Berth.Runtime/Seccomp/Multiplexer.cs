using System.Runtime.InteropServices;

namespace Berth.Runtime.Seccomp;

/// <summary>
/// The calls that i386 programs may also make through socketcall(2) and ipc(2), whose first argument selects the call
/// (linux/net.h, linux/ipc.h). A filter cannot follow the pointer to the call's own arguments.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Multiplexer(int Number, int Selector)
{
    private const int Socketcall = 102;
    private const int Ipc = 117;

    // Position in the array + 1 is the selector.
    private static readonly int[] SocketRows = Rows(
        "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv", "sendto",
        "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg");

    private static readonly int[] IpcRows = Rows(
        "semop", "semget", "semctl", "semtimedop", "", "", "", "", "", "", "msgsnd", "msgrcv", "msgget", "msgctl", "", "", "", "", "", "",
        "shmat", "shmdt", "shmget", "shmctl");

    /// <summary>How the call in a row of <see cref="SyscallTable"/> can be made indirectly, if it can.</summary>
    public static Multiplexer? Find(int row)
    {
        int selector = Array.IndexOf(SocketRows, row) + 1;
        if (selector > 0)
            return new Multiplexer(Socketcall, selector);
        selector = Array.IndexOf(IpcRows, row) + 1;
        return selector > 0 ? new Multiplexer(Ipc, selector) : null;
    }

    private static int[] Rows(params string[] names) => Array.ConvertAll(names, name => name.Length == 0 ? -2 : SyscallTable.Find(name));
}
