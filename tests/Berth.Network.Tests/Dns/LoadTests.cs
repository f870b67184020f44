using System.Diagnostics;
using System.Net.Sockets;
using Berth.Network.Dns;
using Xunit.Abstractions;

namespace Berth.Network.Tests.Dns;

[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class AloneCollection;

/// <summary>Figures, printed; nothing is demanded of a machine that others use too.</summary>
[Collection("Alone")]
public sealed class LoadTests(ITestOutputHelper output)
{
    [Fact]
    public async Task TenThousandLookupsASecond()
    {
        await using var resolver = new DnsFixture(upstreams: null);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(resolver.EndPoint);
        await Task.Factory.StartNew(() => // not on a thread of the pool, which serves the resolver
        {
            Run(socket, 5000, perMillisecond: 10); // warm-up
            output.WriteLine("10,000/s: " + Run(socket, 30_000, perMillisecond: 10));
            output.WriteLine("one at a time: " + RunInTurn(socket, 20_000));
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    [Fact]
    public void CostWithoutSockets()
    {
        var table = new NameTable("net");
        table.Set(new EndpointNames { EndpointId = "web", ContainerName = "web", IPv4 = Berth.Network.Ipam.NetAddress.Parse("10.0.0.2") });
        NameScope scope = DnsFixture.ScopeOf(table, upstreams: null);
        byte[] query = Wire.Query("web"), response = new byte[AnswerCache.MaxAnswer];
        for (int i = 0; i < 50_000; i++)
        {
            Resolver.Answer(query, scope, isStream: false, response, out _);
        }

        long bytes = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < 200_000; i++)
        {
            Resolver.Answer(query, scope, isStream: false, response, out _);
        }

        output.WriteLine($"{watch.Elapsed.TotalNanoseconds / 200_000:0} ns for a local name");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - bytes, 0, 199_999); // less than a byte for each
    }

    private static string Run(Socket socket, int count, int perMillisecond)
    {
        long[] sent = new long[65536];
        var times = new List<double>(count);
        var receiver = new Thread(() =>
        {
            byte[] buffer = new byte[512];
            socket.ReceiveTimeout = 2000;
            try
            {
                while (times.Count < count)
                {
                    socket.Receive(buffer);
                    times.Add(Stopwatch.GetElapsedTime(sent[(buffer[0] << 8) | buffer[1]]).TotalMicroseconds);
                }
            }
            catch (SocketException)
            {
                // Some were lost; the count says how many.
            }
        });
        receiver.Start();
        byte[] query = Wire.Query("web");
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < count; i++)
        {
            while (watch.Elapsed.TotalMilliseconds * perMillisecond < i)
            {
                Thread.Sleep(1);
            }

            (query[0], query[1]) = ((byte)(i >> 8), (byte)i);
            sent[i & 0xffff] = Stopwatch.GetTimestamp();
            socket.Send(query);
        }

        double rate = count / watch.Elapsed.TotalSeconds;
        receiver.Join();
        return $"{rate:0}/s, {times.Count} of {count} answered, {Percentiles(times)}";
    }

    private static string RunInTurn(Socket socket, int count)
    {
        const int MostLost = 10; // each costs the time that the socket waits
        byte[] query = Wire.Query("web"), buffer = new byte[512];
        var times = new List<double>(count);
        int lost = 0;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < count && lost < MostLost; i++)
        {
            long start = Stopwatch.GetTimestamp();
            (query[0], query[1]) = ((byte)(i >> 8), (byte)i);
            socket.Send(query);
            try
            {
                do
                {
                    socket.Receive(buffer);
                }
                while ((buffer[0], buffer[1]) != (query[0], query[1])); // the answer to an earlier one comes late

                times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            }
            catch (SocketException)
            {
                lost++;
            }
        }

        return $"{times.Count / watch.Elapsed.TotalSeconds:0}/s, {lost} lost, {Percentiles(times)}";
    }

    private static string Percentiles(List<double> times)
    {
        times.Sort();
        return times.Count == 0 ? "nothing" : $"p50 {times[times.Count / 2]:0} us, p99 {times[times.Count * 99 / 100]:0} us, worst {times[^1]:0} us";
    }
}
