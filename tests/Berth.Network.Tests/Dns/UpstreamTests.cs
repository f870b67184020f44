using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Berth.Network.Dns;

namespace Berth.Network.Tests.Dns;

public sealed class UpstreamTests
{
    private static readonly UpstreamOptions Fast = new() { ServerTimeout = TimeSpan.FromSeconds(1), TotalTimeout = TimeSpan.FromSeconds(4) };

    [Fact]
    public async Task NamesOfNoNetworkAreAskedElsewhereAndKept()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", time: 100);
        await using var resolver = new DnsFixture(Group(server));
        WireMessage first = await resolver.AskAsync("www.Example.org");
        Assert.Equal(("192.0.2.9", 0x1234, "www.Example.org"), (first.Addresses, first.Id, first.Question));
        await Task.Delay(1100);
        WireMessage second = Wire.Read(await resolver.AskAsync(Wire.Query("WWW.example.ORG", id: 7)));
        Assert.Equal(("192.0.2.9", 7, "WWW.example.ORG"), (second.Addresses, second.Id, second.Question));
        Assert.InRange(second.Answers[0].TimeToLive, 90u, 99u);
        Assert.Single(server.Queries);
        await resolver.AskAsync("www.example.org", 28);
        Assert.Equal(2, server.Queries.Count);
        await resolver.AskAsync("web");
        Assert.Equal(2, server.Queries.Count); // a name of the network is never asked elsewhere
        Assert.Equal(1u, (await resolver.AskAsync("web", 28)).Answers.Length + 1u);
        Assert.Equal(2, server.Queries.Count);
    }

    [Fact]
    public async Task NothingOfAClientButItsQuestionGoesOut()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(server));
        byte[] query = [.. Wire.Query("a.example", id: 0x4242, options: 4000, wantsSignatures: true)];
        query = [.. query[..^2], 0, 8, 0, 65, 0, 4, 1, 2, 3, 4]; // an option the client sends, of no business elsewhere
        await resolver.AskAsync(query);
        WireMessage seen = Wire.Read(server.Queries.Single());
        Assert.Equal((0x100, "a.example", 1, 0x8000u, 0), (seen.Flags, seen.Question, seen.Type, seen.Options!.TimeToLive, seen.Options.Data.Length));
        var ids = new HashSet<int> { seen.Id };
        for (int i = 0; i < 20; i++)
        {
            await resolver.AskAsync($"n{i}.example");
        }

        ids.UnionWith(server.Queries.Select(static message => Wire.Read(message).Id));
        Assert.True(ids.Count > 15, "ids are random");
    }

    [Fact]
    public async Task NoSuchNameIsKeptAsLongAsItsZoneSays()
    {
        int seconds = 3;
        await using var server = new TestUpstream((query, _) => [Wire.Answer(query, 3, authorities: [Wire.Soa("example.org", 900, (uint)seconds)])]);
        await using var resolver = new DnsFixture(Group(server));
        Assert.Equal(3, (await resolver.AskAsync("no.example.org")).Code);
        Assert.Equal(3, (await resolver.AskAsync("no.example.org")).Code);
        Assert.Single(server.Queries);
        await Task.Delay(3100);
        await resolver.AskAsync("no.example.org");
        Assert.Equal(2, server.Queries.Count);
    }

    [Fact]
    public async Task WithoutAZoneOrTimeNothingIsKept()
    {
        await using TestUpstream nothing = TestUpstream.WithCode(3);
        await using TestUpstream atOnce = TestUpstream.WithAddress("192.0.2.9", time: 0);
        foreach (TestUpstream server in (TestUpstream[])[nothing, atOnce])
        {
            await using var resolver = new DnsFixture(Group(server));
            await resolver.AskAsync("no.example.org");
            await resolver.AskAsync("no.example.org");
            Assert.Equal(2, server.Queries.Count);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task AServerThatCannotIsFollowedByTheNext(int code)
    {
        await using TestUpstream first = TestUpstream.WithCode(code);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(first, second));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
        await using var alone = new DnsFixture(Group(first));
        Assert.Equal(2, (await alone.AskAsync("a.example")).Code);
    }

    [Fact]
    public async Task ASilentServerCostsItsTimeOnce()
    {
        await using var silent = new TestUpstream((_, _) => []);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(silent, second));
        var watch = Stopwatch.StartNew();
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
        Assert.InRange(watch.ElapsedMilliseconds, 900, 5000);
        watch.Restart();
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("b.example")).Addresses);
        Assert.InRange(watch.ElapsedMilliseconds, 0, 900);
        Assert.Single(silent.Queries);
    }

    [Fact]
    public async Task AClosedPortIsFollowedByTheNextAtOnce()
    {
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var endPoint = (IPEndPoint)closed.LocalEndPoint!;
        closed.Dispose();
        await using var resolver = new DnsFixture(new UpstreamGroup([endPoint, second.EndPoint], new UpstreamOptions { ServerTimeout = TimeSpan.FromSeconds(4) }));
        var watch = Stopwatch.StartNew();
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
        Assert.InRange(watch.ElapsedMilliseconds, 0, 2000);
    }

    [Fact]
    public async Task WhenNobodyAnswersTheQueryFailsInTime()
    {
        await using var silent = new TestUpstream((_, _) => []);
        await using var other = new TestUpstream((_, _) => []);
        await using var resolver = new DnsFixture(Group(silent, other));
        var watch = Stopwatch.StartNew();
        Assert.Equal(2, (await resolver.AskAsync("a.example")).Code);
        Assert.InRange(watch.ElapsedMilliseconds, 1900, 6000);
    }

    [Fact]
    public async Task AnswersToWhatWasNotAskedArePassedOver()
    {
        await using var server = new TestUpstream((query, _) =>
        [
            [(byte)(query[0] ^ 1), .. Answer(query, "6.6.6.6")[1..]],
            Answer([.. query[..2], .. Wire.Query("other.example")[2..]], "6.6.6.6"),
            Answer([.. query[..2], .. Wire.Query("a.example", 28)[2..]], "6.6.6.6"),
            query,
            [],
            [1, 2, 3],
            Answer(query, "192.0.2.9"),
        ]);
        await using var resolver = new DnsFixture(Group(server));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
    }

    [Fact]
    public async Task AnswersOfOthersDoNotArrive()
    {
        using var forger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        forger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var resolver = new DnsFixture(new UpstreamGroup([(IPEndPoint)server.LocalEndPoint!], new UpstreamOptions()));
        Task<WireMessage> asking = resolver.AskAsync("a.example");
        byte[] buffer = new byte[512];
        SocketReceiveFromResult result = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
        byte[] query = buffer[..result.ReceivedBytes];
        await forger.SendToAsync(Answer(query, "6.6.6.6"), result.RemoteEndPoint); // right in everything but where it comes from
        await Task.Delay(200);
        await server.SendToAsync(Answer(query, "192.0.2.9"), result.RemoteEndPoint);
        Assert.Equal("192.0.2.9", (await asking).Addresses);
    }

    [Fact]
    public async Task AServerThatNeverStopsTalkingNonsenseIsFollowedByTheNext()
    {
        await using var endless = new TestUpstream((query, _) => Enumerable.Repeat(Answer([0, 0, .. query[2..]], "6.6.6.6"), 100_000));
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(endless, second));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
    }

    [Fact]
    public async Task ABrokenAnswerIsFollowedByTheNextServer()
    {
        await using var broken = new TestUpstream((query, _) => [[.. Answer(query, "6.6.6.6")[..^2]]]);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(broken, second));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
    }

    [Fact]
    public async Task WhatIsCutIsAskedOverTcpAndCutForTheClientIfItHasTo()
    {
        byte[][] records = [.. Enumerable.Range(0, 60).Select(static i => (byte[])[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, (byte)i])];
        await using var server = new TestUpstream((query, isStream) => [isStream ? Wire.Answer(query, 0, records) : Wire.Answer(query, flags: 0x8380)]);
        await using var resolver = new DnsFixture(Group(server));
        WireMessage cut = await resolver.AskAsync("big.example");
        Assert.Equal((true, 0, 1), (cut.IsTruncated, cut.Answers.Length, server.StreamQueries));
        WireMessage whole = Assert.Single(await resolver.AskStreamAsync(Wire.Query("big.example")));
        Assert.Equal((false, 60, 1), (whole.IsTruncated, whole.Answers.Length, server.StreamQueries)); // kept
        whole = await resolver.AskAsync("big.example", options: 4096);
        Assert.Equal((false, 60), (whole.IsTruncated, whole.Answers.Length));
    }

    [Fact]
    public async Task AServerThatCutsAndHangsUpIsFollowedByTheNext()
    {
        await using var server = new TestUpstream((query, isStream) => isStream ? [] : [Wire.Answer(query, flags: 0x8380)]);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        await using var resolver = new DnsFixture(Group(server, second));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
    }

    [Fact]
    public async Task ManyQueriesWaitAtOnceAndMoreThanTheLimitFail()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", delay: TimeSpan.FromMilliseconds(300));
        var group = new UpstreamGroup([server.EndPoint], new UpstreamOptions { MaxOutstanding = 200 });
        await using var resolver = new DnsFixture(group, new DnsServerOptions { MaxForwards = 1000 });
        WireMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => resolver.AskAsync($"n{i}.example")));
        Assert.InRange(answers.Count(static answer => answer.Addresses == "192.0.2.9"), 200, 299);
        Assert.All(answers, static answer => Assert.True(answer.Addresses == "192.0.2.9" || answer.Code == 2));
        Assert.Equal(0, group.Outstanding);

        await using var narrow = new DnsFixture(group, new DnsServerOptions { MaxForwards = 10 });
        answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => narrow.AskAsync($"m{i}.example")));
        Assert.InRange(answers.Count(static answer => answer.Code == 2), 1, 40);
    }

    [Fact]
    public async Task TheCacheIsBounded()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9");
        var group = new UpstreamGroup([server.EndPoint], new UpstreamOptions { CacheEntries = 10 });
        await using var resolver = new DnsFixture(group);
        for (int i = 0; i < 30; i++)
        {
            await resolver.AskAsync($"n{i}.example");
            await resolver.AskAsync("n0.example"); // always in use, so never put out
        }

        Assert.Equal(10, group.Cache.Count);
        Assert.Equal(30, server.Queries.Count);

        var small = new UpstreamGroup([server.EndPoint], new UpstreamOptions { CacheBytes = 300 });
        await using var other = new DnsFixture(small);
        for (int i = 0; i < 30; i++)
        {
            await other.AskAsync($"n{i}.example");
        }

        Assert.InRange(small.Cache.Count, 1, 300 / 40);
    }

    private static byte[] Answer(byte[] query, string address) =>
        Wire.Answer(query, 0, [[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, .. IPAddress.Parse(address).GetAddressBytes()]]);

    private static UpstreamGroup Group(params TestUpstream[] servers) => new([.. servers.Select(static server => server.EndPoint)], Fast);
}
