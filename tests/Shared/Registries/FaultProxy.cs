using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.Tests.Registries;

/// <summary>Stands before a registry (or alone) on a port of this machine, keeps what it was asked, and lets exchanges fail by rules. One exchange a connection.</summary>
internal sealed class FaultProxy : IDisposable
{
    private const int MaxHead = 64 << 10;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ended = new();
    private readonly List<Rule> rules = [];
    private readonly ConcurrentQueue<ProxyRequest> requests = new();
    private readonly string? backend;
    private readonly Task accepting;
    private long sent;

    /// <param name="backend">Host and port of what stands behind; null: everything without a rule is 404.</param>
    public FaultProxy(string? backend = null)
    {
        this.backend = backend;
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Host and port.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>The same under another name.</summary>
    public string OtherName => Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal);

    public IReadOnlyList<ProxyRequest> Requests => [.. requests];

    /// <summary>The bytes of answers' bodies that went out.</summary>
    public long Sent => Interlocked.Read(ref sent);

    /// <summary>The first rule that matches and is not used up counts.</summary>
    public void When(Func<ProxyRequest, bool> matches, Func<ProxyRequest, Fault> fault, int times = int.MaxValue)
    {
        lock (rules)
        {
            rules.Add(new Rule(matches, fault) { Left = times });
        }
    }

    public void When(Func<ProxyRequest, bool> matches, Fault fault, int times = int.MaxValue) => When(matches, _ => fault, times);

    public void Forget()
    {
        lock (rules)
        {
            rules.Clear();
        }

        requests.Clear();
    }

    public void Dispose()
    {
        ended.Cancel();
        listener.Dispose();
        accepting.Wait();
        ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!ended.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await listener.AcceptTcpClientAsync(ended.Token);
                _ = ServeAsync(client);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                client.NoDelay = true;
                NetworkStream stream = client.GetStream();
                (string head, byte[] rest) = await ReadHeadAsync(stream);
                ProxyRequest request = Parse(head);
                requests.Enqueue(request);
                Fault fault = await Task.Run(() => FaultOf(request)); // a rule may wait
                if (fault.Status is not null || backend is null)
                {
                    await DrainAsync(stream, rest.Length, request);
                    await AnswerAsync(client, stream, fault.Status is null ? Fault.Answer(404) : fault);
                    return;
                }

                await PassOnAsync(client, stream, head, rest, request, fault);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                return; // the other side went away, or the test ended
            }
        }
    }

    private Fault FaultOf(ProxyRequest request)
    {
        Rule? rule;
        lock (rules)
        {
            rule = rules.Find(rule => rule.Left > 0 && rule.Matches(request));
            if (rule is not null)
            {
                rule.Left--;
            }
        }

        return rule?.Fault(request) ?? Fault.None;
    }

    private async Task DrainAsync(NetworkStream stream, long begun, ProxyRequest request)
    {
        byte[] buffer = new byte[64 << 10];
        for (long left = LengthOf(request) - begun; left > 0;)
        {
            int count = await stream.ReadAsync(buffer, ended.Token);
            left = count == 0 ? 0 : left - count;
        }
    }

    private static long LengthOf(ProxyRequest request) => long.Parse(request.Header("Content-Length") ?? "0", CultureInfo.InvariantCulture);

    private async Task AnswerAsync(TcpClient client, NetworkStream stream, Fault fault)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(fault.MakeHead()), ended.Token);
        if (fault.IsEndless)
        {
            byte[] zeros = new byte[64 << 10];
            while (true)
            {
                await stream.WriteAsync(zeros, ended.Token);
                Interlocked.Add(ref sent, zeros.Length);
            }
        }

        await SendBodyAsync(client, stream, new MemoryStream(fault.Body), fault);
    }

    private async Task PassOnAsync(TcpClient client, NetworkStream stream, string head, byte[] rest, ProxyRequest request, Fault fault)
    {
        string[] place = backend!.Split(':');
        using var behind = new TcpClient();
        await behind.ConnectAsync(place[0], int.Parse(place[1], CultureInfo.InvariantCulture), ended.Token);
        NetworkStream back = behind.GetStream();
        IEnumerable<string> lines = head.Split("\r\n").Where(line => line.Length > 0
            && !line.StartsWith("Connection:", StringComparison.OrdinalIgnoreCase)
            && !(fault.DropsRange && line.StartsWith("Range:", StringComparison.OrdinalIgnoreCase)));
        await back.WriteAsync(Encoding.ASCII.GetBytes(string.Join("\r\n", lines) + "\r\nConnection: close\r\n\r\n"), ended.Token);
        Task sending = SendRequestBodyAsync(client, stream, back, behind, rest, request, fault);
        (string answer, byte[] begun) = await ReadHeadAsync(back);
        string answerHead = fault.ChangeHead?.Invoke(answer + "\r\n") ?? answer + "\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answerHead + "\r\n"), ended.Token);
        Stream body = new Joined(begun, back);
        if (fault.ChangeBody is not null)
        {
            using var whole = new MemoryStream();
            await body.CopyToAsync(whole, ended.Token);
            body = new MemoryStream(fault.ChangeBody(whole.ToArray()));
        }

        await SendBodyAsync(client, stream, body, fault);
        await sending;
    }

    private async Task SendRequestBodyAsync(TcpClient client, NetworkStream stream, NetworkStream back, TcpClient behind, byte[] rest, ProxyRequest request, Fault fault)
    {
        long length = LengthOf(request);
        long at = 0;
        byte[] buffer = new byte[64 << 10];
        rest.CopyTo(buffer, 0);
        int count = rest.Length;
        while (at < length)
        {
            count = count > 0 ? count : await stream.ReadAsync(buffer, ended.Token);
            if (count == 0)
            {
                return;
            }

            int passed = (int)Math.Min(count, (fault.CutRequestAfter ?? long.MaxValue) - at);
            await back.WriteAsync(buffer.AsMemory(0, passed), ended.Token);
            at += count;
            count = 0;
            if (at >= fault.CutRequestAfter)
            {
                Break(client);
                behind.Close();
                return;
            }
        }
    }

    private async Task SendBodyAsync(TcpClient client, NetworkStream stream, Stream body, Fault fault)
    {
        byte[] buffer = new byte[fault.Trickle is null ? 64 << 10 : 1];
        long at = 0;
        while (true)
        {
            long left = Math.Min(fault.CutAnswerAfter ?? long.MaxValue, fault.StallAnswerAfter ?? long.MaxValue) - at;
            int count = left == 0 ? 0 : await body.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), ended.Token);
            if (count > 0)
            {
                await stream.WriteAsync(buffer.AsMemory(0, count), ended.Token);
                at += count;
                Interlocked.Add(ref sent, count);
                await Task.Delay(fault.Trickle ?? TimeSpan.Zero, ended.Token);
                continue;
            }

            if (at == fault.StallAnswerAfter)
            {
                _ = await stream.ReadAtLeastAsync(buffer.AsMemory(0, 1), 1, throwOnEndOfStream: false, ended.Token); // until the other side gives up
            }

            if (at == fault.CutAnswerAfter)
            {
                Break(client);
            }

            return;
        }
    }

    // What was sent arrives, then the connection is gone without the end that HTTP wants.
    private static void Break(TcpClient client) => client.Client.Shutdown(SocketShutdown.Both);

    private async Task<(string Head, byte[] Begun)> ReadHeadAsync(NetworkStream stream)
    {
        byte[] buffer = new byte[MaxHead];
        int filled = 0;
        while (true)
        {
            int count = await stream.ReadAsync(buffer.AsMemory(filled), ended.Token);
            if (count == 0 || buffer[0] == 0x16)
            {
                throw new IOException("no head, or a greeting of TLS");
            }

            filled += count;
            int end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return (Encoding.ASCII.GetString(buffer, 0, end), buffer[(end + 4)..filled]);
            }
        }
    }

    private static ProxyRequest Parse(string head)
    {
        string[] lines = head.Split("\r\n");
        string[] first = lines[0].Split(' ');
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string[] parts in lines.Skip(1).Select(static line => line.Split(": ", 2)).Where(static parts => parts.Length == 2))
        {
            headers[parts[0]] = parts[1];
        }

        return first.Length >= 2 ? new ProxyRequest(first[0], first[1], headers) : throw new IOException("no request");
    }

    private sealed record Rule(Func<ProxyRequest, bool> Matches, Func<ProxyRequest, Fault> Fault)
    {
        public int Left { get; set; }
    }

    // What came with the head, then what comes.
    private sealed class Joined(byte[] begun, Stream rest) : Stream
    {
        private int taken;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = Math.Min(buffer.Length, begun.Length - taken);
            begun.AsMemory(taken, count).CopyTo(buffer);
            taken += count;
            return count > 0 ? count : await rest.ReadAsync(buffer, cancellationToken);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
