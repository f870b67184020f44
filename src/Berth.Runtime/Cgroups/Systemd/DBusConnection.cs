using System.Diagnostics;
using System.Text;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Sockets;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>
/// A connection to a message bus, or to one peer without a bus: one call at a time, and signals. Not safe for concurrent use. No call waits longer than
/// <see cref="Limit"/>.
/// </summary>
internal sealed class DBusConnection : IDisposable
{
    private const string Bus = "org.freedesktop.DBus";

    private readonly FileDescriptor socket;
    private readonly string address;
    private readonly Queue<DBusMessage> signals = [];
    private uint serial;

    private DBusConnection(FileDescriptor socket, string address)
    {
        this.socket = socket;
        this.address = address;
    }

    /// <summary>How long an answer may take.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Connects, and says who is there: the kernel vouches for the user id (SASL mechanism EXTERNAL).</summary>
    /// <param name="path">The socket.</param>
    /// <param name="isBus">Whether a bus is there, which wants to be greeted.</param>
    /// <exception cref="LinuxException">Nobody is there, or the connection broke.</exception>
    /// <exception cref="SystemdException">The other side does not let this user in.</exception>
    public static DBusConnection Connect(string path, bool isBus)
    {
        var connection = new DBusConnection(DescriptorMessage.Connect(path), path);
        try
        {
            string user = Convert.ToHexString(Encoding.ASCII.GetBytes($"{UnixSocket.OwnUid()}"));

            // At once, as systemd's own clients do: systemd without a bus forgets a message that comes in one read with BEGIN.
            connection.Send(Encoding.ASCII.GetBytes($"\0AUTH EXTERNAL {user}\r\nBEGIN\r\n"));
            string answer = connection.ReadLine();
            if (!answer.StartsWith("OK ", StringComparison.Ordinal))
                throw new SystemdException("auth", $"{path} refuses user {UnixSocket.OwnUid()}: {answer}");
            if (isBus)
                connection.Call(Bus, "/org/freedesktop/DBus", Bus, "Hello", "", static _ => { });
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Asks the bus to pass signals on that fit the rule (D-Bus specification, "Match Rules").</summary>
    /// <exception cref="SystemdException">It refused.</exception>
    public void AddMatch(string rule) => Call(Bus, "/org/freedesktop/DBus", Bus, "AddMatch", "s", body => body.String(rule));

    /// <summary>Calls a method and waits for its answer.</summary>
    /// <param name="destination">Who is to answer; empty without a bus.</param>
    /// <param name="path">The object.</param>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="member">The method.</param>
    /// <param name="signature">Of the arguments.</param>
    /// <param name="arguments">Writes them.</param>
    /// <exception cref="SystemdException">The answer is an error.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: no answer; others: the connection broke.</exception>
    public DBusMessage Call(string destination, string path, string interfaceName, string member, string signature, Action<DBusWriter> arguments)
    {
        var body = new DBusWriter();
        arguments(body);
        uint own = ++serial;
        Send(new DBusMessage
        {
            Kind = DBusMessageKind.Call,
            Serial = own,
            Destination = destination,
            Path = path,
            Interface = interfaceName,
            Member = member,
            Signature = signature,
            Body = body.Bytes.ToArray(),
        }.ToBytes());
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            DBusMessage message = Receive(start, member);
            if (message.Kind == DBusMessageKind.Signal)
                signals.Enqueue(message);
            else if (message.ReplySerial == own)
                return message.Kind == DBusMessageKind.Return ? message : throw Refused(message, member);
        }
    }

    /// <summary>The next signal of that name, also one that came during a call. Others are dropped.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: none came; others: the connection broke.</exception>
    public DBusMessage WaitForSignal(string member)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            if (!signals.TryDequeue(out DBusMessage? message))
                message = Receive(start, member);
            if (message.Kind == DBusMessageKind.Signal && message.Member == member)
                return message;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    private static SystemdException Refused(DBusMessage error, string member)
    {
        string text = error.Signature.StartsWith('s') ? new DBusReader(error.Body).String() : "no reason given";
        return new SystemdException(error.ErrorName, $"systemd, {member}: {text} ({error.ErrorName})");
    }

    private DBusMessage Receive(long start, string what)
    {
        byte[] head = new byte[DBusMessage.FixedBytes];
        Read(head, start, what);
        byte[] all = new byte[DBusMessage.TotalBytes(head)];
        head.CopyTo(all, 0);
        Read(all.AsSpan(head.Length), start, what);
        return DBusMessage.Parse(all);
    }

    private string ReadLine()
    {
        const int MaxLine = 1024;
        long start = Stopwatch.GetTimestamp();
        var line = new List<byte>();
        Span<byte> next = stackalloc byte[1];
        while (line.Count < MaxLine)
        {
            Read(next, start, "AUTH");
            if (next[0] == '\n')
                break;
            line.Add(next[0]);
        }

        return Encoding.ASCII.GetString([.. line]).TrimEnd('\r');
    }

    private void Read(Span<byte> buffer, long start, string what)
    {
        using var poll = new EventPoll(1);
        poll.Add(socket.Number, PollEvents.In, 0);
        while (buffer.Length > 0)
        {
            TimeSpan left = Limit - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || poll.Wait((int)Math.Ceiling(left.TotalMilliseconds)) == 0)
                throw new LinuxException(Errno.ETIMEDOUT, "D-Bus", $"{what} at {address} within {Limit.TotalSeconds} s");
            Errno errno = DescriptorIo.TryRead(socket.Number, buffer, out int count);
            if (errno != Errno.None || count == 0)
                throw new LinuxException(count == 0 && errno == Errno.None ? Errno.ECONNRESET : errno, "read", address);
            buffer = buffer[count..];
        }
    }

    private void Send(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            Errno errno = DescriptorIo.TryWrite(socket.Number, data, out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "write", address);
            data = data[count..];
        }
    }
}
