using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.Benchmarks.Lookups;

/// <summary>Asks a resolver for one name over and over at a fixed rate, one datagram for each question, and says how long the answers took.</summary>
internal sealed class LookupLoad : IDisposable
{
    private const int HeaderSize = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly byte[] query;
    private readonly long[] sent = new long[ushort.MaxValue + 1];
    private readonly Figures figures;
    private int answered, refused;

    private LookupLoad(IPEndPoint server, string name)
    {
        socket.ReceiveTimeout = (int)Patience.TotalMilliseconds;
        socket.Connect(server);
        query = QueryOf(name);
        figures = new Figures($"lookups of {name}");
    }

    /// <summary>Runs <c>[--rate N] [--seconds N] SERVER NAME</c>.</summary>
    /// <returns>0 when every question was answered.</returns>
    public static int Run(string[] arguments)
    {
        int rate = 10_000, seconds = 10;
        while (arguments is [("--rate" or "--seconds") and var option, var text, ..])
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > 1_000_000)
                return Usage();
            if (option == "--rate")
                rate = number;
            else
                seconds = number;
            arguments = arguments[2..];
        }

        if (arguments is not [var server, var name] || !IPAddress.TryParse(server, out IPAddress? address))
            return Usage();
        using var load = new LookupLoad(new IPEndPoint(address, 53), name);
        return load.Run(rate, seconds);
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    private static int Usage()
    {
        Console.Error.WriteLine("usage: berth-bench lookups [--rate N] [--seconds N] SERVER NAME   (SERVER: an IPv4 address; port 53)");
        return 2;
    }

    private int Run(int rate, int seconds)
    {
        int count = rate * seconds;
        var receiver = new Thread(() => Receive(count));
        receiver.Start();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count;)
        {
            // What is due by now: a handful at a time, as a sleep is not shorter, and who waits without one takes the processor from the resolver.
            int due = (int)Math.Min(count, Stopwatch.GetElapsedTime(start).TotalSeconds * rate + 1);
            for (; i < due; i++)
                Send((ushort)i);
            Thread.Sleep(1);
        }

        double took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        receiver.Join();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count / took:F0} questions a second for {took:F1} s: {answered} answered, {refused} of them without an address, {count - answered} lost"));
        Console.WriteLine(figures);
        return answered == count && refused == 0 ? 0 : 1;
    }

    private void Send(ushort id)
    {
        BinaryPrimitives.WriteUInt16BigEndian(query, id);
        Volatile.Write(ref sent[id], Stopwatch.GetTimestamp());
        socket.Send(query);
    }

    private void Receive(int count)
    {
        Span<byte> buffer = stackalloc byte[512];
        while (answered < count)
        {
            int length;
            try
            {
                length = socket.Receive(buffer);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.ConnectionRefused)
            {
                return; // what is missing is lost, and who does not listen does not answer
            }

            if (length < HeaderSize)
                continue;
            figures.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref sent[BinaryPrimitives.ReadUInt16BigEndian(buffer)])));
            answered++;
            if (BinaryPrimitives.ReadUInt16BigEndian(buffer[6..]) == 0) // ANCOUNT, RFC 1035 section 4.1.1
                refused++;
        }
    }

    // A question for an address of IPv4, RFC 1035 section 4.1; the id is filled in for each.
    private static byte[] QueryOf(string name)
    {
        var bytes = new List<byte> { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (string label in name.Split('.'))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.ASCII.GetBytes(label));
        }

        bytes.AddRange([0, 0, 1, 0, 1]);
        return [.. bytes];
    }
}
