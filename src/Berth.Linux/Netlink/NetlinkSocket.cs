using System.Buffers;
using Berth.Linux.Namespaces;

namespace Berth.Linux.Netlink;

/// <summary>Takes what a message says into a list of results.</summary>
internal delegate void NetlinkParser<T>(in NetlinkMessage message, List<T> results);

/// <summary>
/// A netlink socket to the kernel, in one network namespace for good, whichever threads use it. Requests are answered before a call returns; those of
/// several threads take turns.
/// </summary>
/// <remarks>netlink(7). Errors carry the kernel's own explanation in <see cref="LinuxException.Subject"/>.</remarks>
public sealed class NetlinkSocket : IDisposable
{
    // The kernel makes parts of a dump as large as it was read with before, up to this.
    private const int ReceiveBytes = 32 * 1024, MostReceiveBytes = 16 << 20, SendBytesByDefault = 64 * 1024;

    // The kernel answers within sendto(2); longer than this is no answer.
    private const int LongestWaitMilliseconds = 10_000;

    private readonly FileDescriptor descriptor;
    private readonly Lock turn = new();
    private byte[] buffer = [];
    private uint sequence;
    private int sendBytes = SendBytesByDefault;

    private NetlinkSocket(FileDescriptor descriptor)
    {
        this.descriptor = descriptor;
        PortId = NetlinkCalls.PortOf(descriptor);
    }

    /// <summary>The number by which events tell that a change was asked for by this socket (<see cref="NetlinkEvent.Origin"/>).</summary>
    public uint PortId { get; }

    /// <summary>Opens one in the network namespace of the calling thread.</summary>
    /// <exception cref="LinuxException">EPROTONOSUPPORT: the kernel lacks the family.</exception>
    public static NetlinkSocket Open(NetlinkFamily family) => Take(NetlinkCalls.Open(family));

    /// <summary>Opens one in another network namespace, on a thread that enters it.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_SYS_ADMIN over it; EINVAL: that descriptor is no network namespace.</exception>
    public static NetlinkSocket Open(NetlinkFamily family, FileDescriptor networkNamespace) =>
        Take(NetworkNamespace.Run(networkNamespace, () => NetlinkCalls.Open(family)));

    /// <summary>Closes it, when the request of another thread that has its turn is done.</summary>
    public void Dispose()
    {
        lock (turn)
            descriptor.Dispose();
    }

    /// <summary>Takes over a socket that behaves as one of the kernel's.</summary>
    internal static NetlinkSocket Take(FileDescriptor opened)
    {
        try
        {
            return new NetlinkSocket(opened);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Sends one message and waits until it was done.</summary>
    /// <exception cref="LinuxException">It was refused.</exception>
    internal void Request(NetlinkWriter request, string call, string subject) =>
        Query<byte>(request, static (in _, _) => { }, call, subject);

    /// <summary>Sends one message, a dump or another, and collects what its answers say. A dump during which something changed is asked for anew.</summary>
    /// <exception cref="LinuxException">It was refused; ETIMEDOUT, ENOBUFS: the answer was lost; EAGAIN: it changed each time that it was read, for ten seconds.</exception>
    /// <exception cref="InvalidDataException">An answer is not in the form it should have.</exception>
    internal List<T> Query<T>(NetlinkWriter request, NetlinkParser<T> parse, string call, string subject)
    {
        List<T> results = [];
        for (var retry = new NetlinkRetry(); !TryQuery(request, parse, results, call, subject); retry.Pause(call, subject))
            results.Clear();
        return results;
    }

    /// <summary>Sends several messages as one transaction of nfnetlink, whose message <paramref name="acknowledged"/> asks for an acknowledgement.</summary>
    /// <returns>Which message failed first, and why; null: all was done.</returns>
    /// <exception cref="LinuxException">It could not be sent.</exception>
    internal (int Message, NetlinkAcknowledgement Error)? Batch(NetlinkWriter batch, int acknowledged, string call)
    {
        lock (turn)
        {
            uint first = Send(batch, call, $"{batch.Messages} messages");
            bool isFinished = false;
            try
            {
                (int, NetlinkAcknowledgement)? failure = CollectBatch(first, acknowledged);
                isFinished = true;
                return failure;
            }
            finally
            {
                Release(isFinished);
            }
        }
    }

    private bool TryQuery<T>(NetlinkWriter request, NetlinkParser<T> parse, List<T> results, string call, string subject)
    {
        lock (turn)
        {
            Send(request, call, subject);
            bool isFinished = false;
            try
            {
                bool isWhole = TryCollect(parse, results, call, subject);
                isFinished = true;
                return isWhole;
            }
            finally
            {
                Release(isFinished);
            }
        }
    }

    private uint Send(NetlinkWriter request, string call, string subject)
    {
        // What is asked for takes part of the room that a socket has.
        if (request.Length > sendBytes)
        {
            NetlinkCalls.ReserveToSend(descriptor, request.Length * 2);
            sendBytes = request.Length;
        }

        uint first = sequence + 1;
        request.Number(first);
        sequence += (uint)request.Messages;
        Errno errno = NetlinkCalls.Send(descriptor, request.Written);
        return errno == Errno.None ? first : throw new LinuxException(errno, call, subject);
    }

    // false: something changed or was lost on the way.
    private bool TryCollect<T>(NetlinkParser<T> parse, List<T> results, string call, string subject)
    {
        bool isWhole = true, isDump = false;
        while (true)
        {
            Errno errno = Receive(LongestWaitMilliseconds, out int bytes);
            if (errno == NetlinkErrno.ENOBUFS)
            {
                isWhole = false;
                continue;
            }

            if (errno != Errno.None)
                throw new LinuxException(isWhole ? errno == Errno.EAGAIN ? Errno.ETIMEDOUT : errno : NetlinkErrno.ENOBUFS, call, subject);
            foreach (NetlinkMessage message in new NetlinkMessages(buffer.AsSpan(0, bytes)))
            {
                if (message.Sequence != sequence)
                    continue;
                isWhole &= (message.Flags & NetlinkFlags.DumpInterrupted) == NetlinkFlags.None;
                isDump |= (message.Flags & NetlinkFlags.Multi) != NetlinkFlags.None;
                if (message.Type is NetlinkType.ERROR or NetlinkType.DONE)
                {
                    NetlinkAcknowledgement end = NetlinkAcknowledgement.Read(message);

                    // A change during a dump of nf_tables may also be told so.
                    if (end.Errno == Errno.EINTR && isDump)
                        return false;
                    return end.Errno == Errno.None ? isWhole || !isDump : throw end.ToException(call, subject);
                }

                if (message.Type > NetlinkType.OVERRUN)
                    parse(message, results);
            }
        }
    }

    // All answers wait when sending returns: one for each message that failed, and that of the message which asked for it.
    private (int Message, NetlinkAcknowledgement Error)? CollectBatch(uint first, int acknowledged)
    {
        (int Message, NetlinkAcknowledgement Error)? failure = null;
        bool isDone = false, isLost = false;
        while (true)
        {
            Errno errno = Receive(0, out int bytes);
            if (errno == NetlinkErrno.ENOBUFS)
            {
                isLost = true;
                continue;
            }

            if (errno == Errno.EAGAIN)
                return failure ?? (isDone ? null : (-1, new NetlinkAcknowledgement(isLost ? NetlinkErrno.ENOBUFS : Errno.EIO, "no answer")));
            if (errno != Errno.None)
                return (-1, new NetlinkAcknowledgement(errno, "receiving the answer"));
            foreach (NetlinkMessage message in new NetlinkMessages(buffer.AsSpan(0, bytes)))
            {
                long index = (long)message.Sequence - first;
                if (message.Type != NetlinkType.ERROR || index < 0 || index >= sequence - first + 1L)
                    continue;
                NetlinkAcknowledgement answer = NetlinkAcknowledgement.Read(message);
                isDone |= index == acknowledged && answer.Errno == Errno.None;
                if (answer.Errno != Errno.None && (failure is not { } known || index < known.Message))
                    failure = ((int)index, answer);
            }
        }
    }

    // The next datagram that the kernel sent, into the buffer, which grows to its size.
    private Errno Receive(int milliseconds, out int bytes)
    {
        while (true)
        {
            Errno errno = NetlinkCalls.Peek(descriptor, milliseconds, out bytes);
            if (errno != Errno.None)
                return errno;
            if (bytes > MostReceiveBytes)
                return NetlinkErrno.EMSGSIZE;
            if (bytes > buffer.Length || buffer.Length == 0)
                Resize(Math.Max(bytes, ReceiveBytes));
            errno = NetlinkCalls.Receive(descriptor, buffer, out bytes);
            if (errno != Errno.None || bytes > 0)
                return errno;
        }
    }

    // What is left of an exchange that failed half-way must not be taken for the next one's; a dump that was begun would refuse others.
    private void Release(bool isFinished)
    {
        while (!isFinished)
        {
            Errno errno = Receive(0, out _);
            isFinished = errno != Errno.None && errno != NetlinkErrno.ENOBUFS;
        }

        Resize(0);
    }

    private void Resize(int bytes)
    {
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = bytes == 0 ? [] : ArrayPool<byte>.Shared.Rent(bytes);
    }
}
