using System.Net;
using System.Net.Sockets;
using Berth.Network.Dns;

namespace Berth.Network.Tests.Dns;

public sealed class UpstreamTests
{
    // With so many letters that none of the random spellings is a server's own.
    private const string LongName = "abcdefghijklmnopqrstuvwxyz.example";

    // Where silence is not what a test is about, nothing may seem silent.
    private static readonly UpstreamOptions Patient = new() { ServerTimeout = TimeSpan.FromSeconds(30), TotalTimeout = Eventually.Most };

    [Fact]
    public async Task NamesOfNoNetworkAreAskedElsewhereAndKept()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", time: 100);
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, server));
        WireMessage first = await resolver.AskAsync("www.Example.org");
        Assert.Equal(("192.0.2.9", 0x1234, "www.Example.org"), (first.Addresses, first.Id, first.Question));
        clock.Advance(TimeSpan.FromSeconds(1.1));
        WireMessage second = Wire.Read(await resolver.AskAsync(Wire.Query("WWW.example.ORG", id: 7)));
        Assert.Equal(("192.0.2.9", 7, "WWW.example.ORG"), (second.Addresses, second.Id, second.Question));
        Assert.Equal(99u, second.Answers[0].TimeToLive);
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
        Assert.Equal((0x100, "a.example", 1, 0x8000u, 0), (seen.Flags, seen.Question.ToLowerInvariant(), seen.Type, seen.Options!.TimeToLive, seen.Options.Data.Length));
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
        await using var server = new TestUpstream((query, _) => [Wire.Answer(query, 3, authorities: [Wire.Soa("example.org", 900, 3)])]);
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, server));
        Assert.Equal(3, (await resolver.AskAsync("no.example.org")).Code);
        Assert.Equal(3, (await resolver.AskAsync("no.example.org")).Code);
        Assert.Single(server.Queries);
        clock.Advance(TimeSpan.FromSeconds(2.9));
        await resolver.AskAsync("no.example.org");
        Assert.Single(server.Queries);
        clock.Advance(TimeSpan.FromSeconds(0.2));
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
    public async Task AServerThatStaysSilentIsAvoidedUntilItsTimeIsOver()
    {
        await using var silent = new TestUpstream((_, _) => []);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, silent, second));
        for (int i = 0; i < new UpstreamOptions().MaxSilences; i++)
        {
            await AskInVainAsync(resolver, silent, clock, $"n{i}.example");
        }

        int count = silent.Queries.Count;
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("b.example")).Addresses); // the clock stands still: it comes without any waiting
        Assert.Equal(count, silent.Queries.Count);
        clock.Advance(new UpstreamOptions().Avoidance + TimeSpan.FromMilliseconds(1));
        await AskInVainAsync(resolver, silent, clock, "c.example");
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("d.example")).Addresses); // once is enough for one that has not answered since
        Assert.Equal(count + 1, silent.Queries.Count);
    }

    [Fact]
    public async Task AServerThatAnswersInBetweenIsNotAvoided()
    {
        await using var first = new TestUpstream((query, _) => Wire.Read(query).Question.StartsWith("slow", StringComparison.OrdinalIgnoreCase) ? [] : [Answer(query, "192.0.2.8")]);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, first, second));
        for (int i = 0; i < 3; i++)
        {
            for (int silences = 1; silences < new UpstreamOptions().MaxSilences; silences++)
            {
                await AskInVainAsync(resolver, first, clock, $"slow{silences}of{i}.example");
            }

            Assert.Equal("192.0.2.8", (await resolver.AskAsync($"n{i}.example")).Addresses);
        }
    }

    [Fact]
    public async Task AClosedPortIsFollowedByTheNextAtOnce()
    {
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        closed.Connect(second.EndPoint); // takes nothing of others: to them the port is closed, and nobody else gets it meanwhile
        await using var resolver = new DnsFixture(new UpstreamGroup([(IPEndPoint)closed.LocalEndPoint!, second.EndPoint], new UpstreamOptions(), new ManualClock()));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses); // the clock stands still: nothing waited for a time to be over
    }

    [Fact]
    public async Task WhenNobodyAnswersTheQueryFailsAfterTheTimesOfAll()
    {
        await using var silent = new TestUpstream((_, _) => []);
        await using var other = new TestUpstream((_, _) => []);
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, silent, other));
        Task<WireMessage> asking = resolver.AskAsync("a.example");
        await Eventually.IsTrueAsync(() => silent.Queries.Count == 1);
        Assert.Empty(other.Queries);
        clock.Advance(new UpstreamOptions().ServerTimeout);
        await Eventually.IsTrueAsync(() => other.Queries.Count == 1);
        Assert.False(asking.IsCompleted);
        clock.Advance(new UpstreamOptions().ServerTimeout);
        Assert.Equal(2, (await asking).Code);
        Assert.Equal((1, 1), (silent.Queries.Count, other.Queries.Count));
    }

    [Fact]
    public async Task AQueryFailsWhenItsWholeTimeIsOver()
    {
        await using var silent = new TestUpstream((_, _) => []);
        await using TestUpstream second = TestUpstream.WithAddress("192.0.2.9");
        var clock = new ManualClock();
        await using var resolver = new DnsFixture(Group(clock, silent, second));
        Task<WireMessage> asking = resolver.AskAsync("a.example");
        await Eventually.IsTrueAsync(() => silent.Queries.Count == 1);
        clock.Advance(new UpstreamOptions().TotalTimeout);
        Assert.Equal(2, (await asking).Code);
        Assert.Empty(second.Queries);
    }

    [Fact]
    public async Task AnswersToWhatWasNotAskedArePassedOver()
    {
        await using var server = new TestUpstream((query, _) =>
        [
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
    public async Task AfterAnAnswerWithAWrongIdTheServerIsAskedOverTcp()
    {
        await using var server = new TestUpstream((query, isStream) =>
            isStream ? [Answer(query, "192.0.2.9")] : [[(byte)(query[0] ^ 1), .. Answer(query, "6.6.6.6")[1..]], Answer(query, "6.6.6.7")]);
        await using var resolver = new DnsFixture(Group(server));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync("a.example")).Addresses);
        Assert.Equal(1, server.StreamQueries);
    }

    [Fact]
    public async Task LettersGoOutInRandomCaseAndComeBackAsTheClientsWere()
    {
        const string name = "AbCdefghijklmnopqrstuvwxyz.Example";
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", time: 0); // nothing is kept
        await using var resolver = new DnsFixture(Group(server));
        for (int i = 0; i < 4; i++)
        {
            WireMessage answer = await resolver.AskAsync(name);
            Assert.Equal((name, "192.0.2.9"), (answer.Question, answer.Addresses));
        }

        string[] seen = [.. server.Queries.Select(static query => Wire.Read(query).Question)];
        Assert.All(seen, static question => Assert.Equal(name, question, ignoreCase: true));
        Assert.Equal(4, seen.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task AnAnswerInOtherLettersIsAskedForAgainOverTcp()
    {
        await using var server = new TestUpstream((query, isStream) => [Answer(InLowerCase(query), isStream ? "192.0.2.9" : "6.6.6.6")]);
        await using var resolver = new DnsFixture(Group(server));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync(LongName)).Addresses);
        Assert.Equal(1, server.StreamQueries);
    }

    [Fact]
    public async Task AServerThatChangesLettersAndSpeaksUdpOnlyIsBelieved()
    {
        await using var server = new TestUpstream((query, _) => [Answer(InLowerCase(query), "192.0.2.9")], speaksTcp: false);
        await using var resolver = new DnsFixture(Group(server));
        Assert.Equal("192.0.2.9", (await resolver.AskAsync(LongName)).Addresses);
    }

    [Fact]
    public async Task WhatManyAskAtOnceIsAskedOnce()
    {
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", hold: hold.Task);
        var group = new UpstreamGroup([server.EndPoint], Patient with { MaxOutstanding = 2 });
        await using var resolver = new DnsFixture(group);
        var leaving = new DnsFixture(group);
        _ = leaving.AskAsync("A.example");
        await Eventually.IsTrueAsync(() => server.Queries.Count == 1);
        Task<byte[]>[] asking = [.. Enumerable.Range(0, 20).Select(i => resolver.AskAsync(Wire.Query(i % 2 == 0 ? "a.example" : "a.EXAMPLE", id: i)))];
        Task<WireMessage> other = resolver.AskAsync("b.example");
        await Eventually.IsTrueAsync(() => server.Queries.Count == 2);
        Assert.Equal(2, (await resolver.AskAsync("c.example")).Code); // a third question is one too many
        await Eventually.IsTrueAsync(() => group.Waiting == 22);
        await leaving.DisposeAsync(); // who asked first goes: the others still wait
        hold.SetResult();
        byte[][] answers = await Task.WhenAll(asking);
        Assert.All(answers.Select(Wire.Read).Index(), static answer =>
            Assert.Equal((answer.Index, answer.Index % 2 == 0 ? "a.example" : "a.EXAMPLE", "192.0.2.9"), (answer.Item.Id, answer.Item.Question, answer.Item.Addresses)));
        Assert.Equal("192.0.2.9", (await other).Addresses);
        Assert.Equal((2, 0), (server.Queries.Count, group.Outstanding));
    }

    [Fact]
    public async Task WhenNobodyWaitsAnyMoreAQuestionEnds()
    {
        await using var silent = new TestUpstream((_, _) => []);
        var group = Group(new ManualClock(), silent);
        var leaving = new DnsFixture(group);
        _ = leaving.AskAsync("a.example");
        await Eventually.IsTrueAsync(() => silent.Queries.Count == 1);
        Assert.Equal(1, group.Outstanding);
        await leaving.DisposeAsync().AsTask().WaitAsync(Eventually.Most);
        Assert.Equal(0, group.Outstanding);
    }

    [Fact]
    public async Task AnswersOfOthersDoNotArrive()
    {
        using var forger = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        forger.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var resolver = new DnsFixture(new UpstreamGroup([(IPEndPoint)server.LocalEndPoint!], Patient));
        Task<WireMessage> asking = resolver.AskAsync("a.example");
        byte[] buffer = new byte[512];
        using var time = new CancellationTokenSource(Eventually.Most);
        SocketReceiveFromResult result = await server.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), time.Token);
        byte[] query = buffer[..result.ReceivedBytes];
        await forger.SendToAsync(Answer(query, "6.6.6.6"), result.RemoteEndPoint); // right in everything but where it comes from
        await server.SendToAsync(Answer(query, "192.0.2.9"), result.RemoteEndPoint);
        Assert.Equal("192.0.2.9", (await asking).Addresses);
    }

    [Fact]
    public async Task AServerThatNeverStopsTalkingNonsenseIsFollowedByTheNext()
    {
        await using var endless = new TestUpstream((query, _) => Enumerable.Repeat(Answer([(byte)(query[0] ^ 1), .. query[1..]], "6.6.6.6"), 100_000));
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
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", hold: hold.Task);
        var group = new UpstreamGroup([server.EndPoint], Patient with { ServerTimeout = Eventually.Most, MaxOutstanding = 40 });
        await using var resolver = new DnsFixture(group);
        Task<WireMessage>[] asking = [.. Enumerable.Range(0, 60).Select(i => resolver.AskAsync($"n{i}.example"))];
        await Eventually.IsTrueAsync(() => group.Outstanding == 40 && asking.Count(static task => task.IsCompleted) == 20);
        hold.SetResult();
        WireMessage[] answers = await Task.WhenAll(asking);
        Assert.Equal((40, 20), (answers.Count(static answer => answer.Addresses == "192.0.2.9"), answers.Count(static answer => answer.Code == 2)));
        Assert.Equal(0, group.Outstanding);
    }

    [Fact]
    public async Task AContainerHasALimitOfItsOwn()
    {
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9", hold: hold.Task);
        var group = new UpstreamGroup([server.EndPoint], Patient with { ServerTimeout = Eventually.Most });
        await using var resolver = new DnsFixture(group, new DnsServerOptions { MaxForwards = 10 });
        Task<WireMessage>[] asking = [.. Enumerable.Range(0, 30).Select(i => resolver.AskAsync($"n{i}.example"))];
        await Eventually.IsTrueAsync(() => group.Outstanding == 10 && asking.Count(static task => task.IsCompleted) == 20);
        hold.SetResult();
        WireMessage[] answers = await Task.WhenAll(asking);
        Assert.Equal((10, 20), (answers.Count(static answer => answer.Addresses == "192.0.2.9"), answers.Count(static answer => answer.Code == 2)));
    }

    [Fact]
    public async Task TheCacheIsBounded()
    {
        await using TestUpstream server = TestUpstream.WithAddress("192.0.2.9");
        var group = new UpstreamGroup([server.EndPoint], Patient with { CacheEntries = 10 });
        await using var resolver = new DnsFixture(group);
        for (int i = 0; i < 30; i++)
        {
            await resolver.AskAsync($"n{i}.example");
            await resolver.AskAsync("n0.example"); // always in use, so never put out
        }

        Assert.Equal(10, group.Cache.Count);
        Assert.Equal(30, server.Queries.Count);

        var small = new UpstreamGroup([server.EndPoint], Patient with { CacheBytes = 300 });
        await using var other = new DnsFixture(small);
        for (int i = 0; i < 30; i++)
        {
            await other.AskAsync($"n{i}.example");
        }

        Assert.InRange(small.Cache.Count, 1, 300 / 40);
    }

    // Asks the first server, which is silent, until its time is over, and then the second.
    private static async Task AskInVainAsync(DnsFixture resolver, TestUpstream first, ManualClock clock, string name)
    {
        int count = first.Queries.Count;
        Task<WireMessage> asking = resolver.AskAsync(name);
        await Eventually.IsTrueAsync(() => first.Queries.Count == count + 1);
        Assert.False(asking.IsCompleted);
        clock.Advance(new UpstreamOptions().ServerTimeout);
        Assert.Equal("192.0.2.9", (await asking).Addresses);
    }

    // As some servers give the question back.
    private static byte[] InLowerCase(byte[] query) => [.. query.Select(static (value, i) => i >= 12 && char.IsAsciiLetterUpper((char)value) ? (byte)(value | 0x20) : value)];

    private static byte[] Answer(byte[] query, string address) =>
        Wire.Answer(query, 0, [[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, .. IPAddress.Parse(address).GetAddressBytes()]]);

    private static UpstreamGroup Group(params TestUpstream[] servers) => new([.. servers.Select(static server => server.EndPoint)], Patient);

    private static UpstreamGroup Group(ManualClock clock, params TestUpstream[] servers) =>
        new([.. servers.Select(static server => server.EndPoint)], new UpstreamOptions(), clock);
}
