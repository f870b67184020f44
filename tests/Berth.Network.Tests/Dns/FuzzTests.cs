using System.Net;
using Berth.Network.Dns;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Dns;

/// <summary>Whatever comes, nothing is thrown, and what is sent is a well-formed answer of the length that the client takes.</summary>
public sealed class FuzzTests
{
    private readonly NameScope scope;
    private readonly byte[] response = new byte[AnswerCache.MaxAnswer];

    public FuzzTests()
    {
        var table = new NameTable("net");
        for (int i = 0; i < 60; i++)
        {
            table.Set(new EndpointNames { EndpointId = $"{i}", ContainerName = $"c{i}", Aliases = ["web"], IPv4 = NetAddress.IPv4(0x0a000000u + (uint)i) });
        }

        scope = new NameScope([new ScopeNetwork(table, new Dictionary<string, string> { ["l"] = "c1" })], new UpstreamGroup([new IPEndPoint(IPAddress.Loopback, 1)], new UpstreamOptions()));
    }

    [Fact]
    public void RandomBytes()
    {
        var random = new Random(1);
        for (int round = 0; round < 100_000; round++)
        {
            byte[] message = new byte[random.Next(64)];
            random.NextBytes(message);
            if (message.Length > 6 && round % 2 == 0)
            {
                message[2] &= 7;
                (message[4], message[5]) = (0, 1);
            }

            Check(message);
        }
    }

    [Fact]
    public void QueriesWithBytesChangedCutOrAdded()
    {
        var random = new Random(2);
        string[] names = ["web", "c1.net", "L", "nosuch.example", "1.0.0.10.in-addr.arpa"];
        for (int round = 0; round < 100_000; round++)
        {
            byte[] message = Mutate(Wire.Query(names[round % names.Length], round % 7 == 0 ? 255 : 1, options: round % 3 == 0 ? 600 : 0), random);
            Check(message);
        }
    }

    [Fact]
    public void AnswersOfServersWithBytesChangedCutOrAdded()
    {
        var random = new Random(3);
        byte[] asked = Wire.Query("www.example.org");
        byte[] answer = Wire.Answer(asked, 0,
            [[0xc0, 12, .. Wire.Number(5), 0, 1, 0, 0, 0, 60, 0, 4, 1, (byte)'x', 0xc0, 16], Wire.Record("x.example.org", 1, 60, [1, 2, 3, 4])], [Wire.Soa("example.org", 60, 60)]);
        byte[] name = new byte[DnsLimits.MaxName];
        var cache = new AnswerCache(64, 16_384, TimeProvider.System);
        int kept = 0;
        for (int round = 0; round < 100_000; round++)
        {
            byte[] message = round == 0 ? answer : Mutate(answer, random);
            Assert.Equal(DnsQuery.Verdict.Fine, DnsQuery.Read(asked, name, out DnsQuery query));
            if (cache.Add(query, message))
            {
                kept++;
                cache.Find(query, response);
            }

            new UpstreamQuery(query).Match(message);
        }

        Assert.InRange(kept, 1000, 99_999);
    }

    private void Check(byte[] message)
    {
        foreach (bool isStream in (bool[])[false, true])
        {
            ResolverOutcome outcome = Resolver.Answer(message, scope, isStream, response, out int length);
            if (outcome != ResolverOutcome.Answered)
            {
                Assert.Equal(0, length);
                continue;
            }

            WireMessage answer = Wire.Read(response[..length]);
            Assert.Equal((message[0] << 8) | message[1], answer.Id);
            Assert.True((answer.Flags & 0x8000) != 0);
            Assert.True(isStream || length <= (answer.Options is null ? 512 : 1232));
        }
    }

    private static byte[] Mutate(byte[] message, Random random)
    {
        var bytes = new List<byte>(message);
        for (int changes = random.Next(1, 4); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 1:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 2:
                    bytes[at] = (byte)(0xc0 | random.Next(2));
                    break;
                default:
                    bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return [.. bytes];
    }
}
